import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec, execOk } from '@gantry/kit/exec';
import { runOk } from './run.ts';

const cgroupParent = 'gantry-bare';
/** Deleting is not what is measured: as fast as it goes. */
const deleteWidth = 4;

/** What starting containers costs without any of us: `runc run -d`, no network, no monitor. */
export interface Bare {
  readonly dir: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A busybox root and a plain OCI spec for it. */
export function makeBare(): Bare {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-bare-'));
  const bin = join(dir, 'rootfs/bin');
  mkdirSync(bin, { recursive: true });
  for (const name of ['dev', 'proc', 'sys']) mkdirSync(join(dir, 'rootfs', name));
  copyFileSync('/usr/bin/busybox', join(bin, 'busybox'));
  symlinkSync('busybox', join(bin, 'sleep'));
  runOk(['runc', 'spec'], dir);
  const spec = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as {
    process: Record<string, unknown>;
  };
  return {
    dir,
    spec: {
      ...spec,
      root: { path: join(dir, 'rootfs'), readonly: true },
      process: { ...spec.process, terminal: false, args: ['/bin/sleep', '100000'] },
    },
  };
}

/** Ms until so many run, started so many at a time. */
export async function bareStart(bare: Bare, size: number, wide: number): Promise<number> {
  const root = join(bare.dir, 'state');
  const ids = Array.from({ length: size }, (_, index) => `bare${process.pid}-${index}`);
  for (const id of ids) {
    mkdirSync(join(bare.dir, id), { recursive: true });
    const linux = { ...(bare.spec['linux'] as object), cgroupsPath: `/${cgroupParent}/${id}` };
    writeFileSync(join(bare.dir, id, 'config.json'), JSON.stringify({ ...bare.spec, linux }));
  }
  const started = performance.now();
  await eachOf(ids, wide, (id) => runDetached(root, join(bare.dir, id), id));
  const took = performance.now() - started;
  await eachOf(ids, deleteWidth, (id) => execOk(exec, ['runc', '--root', root, 'delete', '-f', id]));
  return took;
}

export function removeBare({ dir }: Bare): void {
  rmSync(dir, { recursive: true, force: true });
  // runc leaves the parent of its containers' cgroups.
  for (const controller of readdirSync('/sys/fs/cgroup')) {
    try {
      rmdirSync(join('/sys/fs/cgroup', controller, cgroupParent));
    } catch {
      // not there: another layout of cgroups, or nothing was started
    }
  }
}

/** `runc run -d` hands its own output down to the container: with a pipe for it, the command would never seem to end. */
function runDetached(root: string, bundle: string, id: string): Promise<void> {
  const args = ['--root', root, 'run', '-d', '--bundle', bundle, '--no-new-keyring', id];
  return new Promise((resolve, reject) => {
    const child = spawn('runc', args, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`runc run ${id} ended with ${String(code)}`));
    });
  });
}

/** Runs `work` for every item, so many at a time. */
async function eachOf(
  items: readonly string[],
  wide: number,
  work: (item: string) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: wide }, worker));
}
