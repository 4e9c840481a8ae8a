import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { exec, execOk } from '@gantry/kit/exec';
import { openJail } from '../packages/agent/src/images/layer/jail.ts';
import { unpackLayer } from '../packages/agent/src/images/unpack.ts';
import { root } from '../tests/support/imports.ts';
import type { BenchResult } from './report.ts';

const rounds = 7;
/** Some 10,000 files of all sizes that every checkout has. */
const packages = [
  'typescript',
  'prettier',
  'eslint',
  'fast-check',
  '@types',
  '@grpc',
  '@typescript-eslint',
  'etcd3',
];

/** A layer unpacked, verified and filtered, against `tar -xzf` of the same bytes, in turn, in memory. */
export async function run(): Promise<BenchResult> {
  const work = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gantry-bench-'));
  try {
    const path = join(work, 'layer.tar.gz');
    execFileSync('tar', ['-czf', path, '-C', join(root, 'node_modules'), ...packages]);
    const plain = gunzipSync(readFileSync(path));
    const diffId = `sha256:${createHash('sha256').update(plain).digest('hex')}`;
    const files = execFileSync('tar', ['-tzf', path], { maxBuffer: 64 << 20 })
      .toString()
      .split('\n').length;
    const jail = await openJail(exec, join(work, 'tools'));
    const [ours, tar]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const dir = join(work, `ours-${round}`);
      mkdirSync(dir);
      ours.push(
        await timed(() => unpackLayer({ jail, dir }, { path, diffId }, new AbortController().signal)),
      );
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
      tar.push(await timed(() => execOk(exec, ['tar', '-xzf', path, '-C', dir])));
      rmSync(dir, { recursive: true });
    }
    return {
      setup: `${files} files, ${mib(plain.length)} MiB, ${mib(statSync(path).size)} MiB with gzip; ${rounds} rounds in turn, in memory`,
      figures: [
        { what: 'unpack a layer', ours, peer: { name: 'tar -xzf', values: tar }, target: '≤ 2 × tar -xzf' },
      ],
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
