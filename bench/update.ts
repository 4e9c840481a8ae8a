import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestCluster } from '../tests/support/test-cluster.ts';
import { startLoad } from '../tests/support/load/load.ts';
import { wrk } from '../tests/support/load/wrk.ts';
import { buildWebImage } from '../tests/support/load/web-image.ts';
import type { BenchResult } from './report.ts';

const rounds = 5;
const askers = 8;
/** Longer than an update with its watch. */
const wrkSeconds = 14;

/** Updates of a service with one replica while all hosts are asked: what is lost, and how long anybody waits. */
export async function run(): Promise<BenchResult> {
  const cluster = await TestCluster.start('update-bench');
  const dir = mkdtempSync(join(tmpdir(), 'gantry-update-'));
  try {
    const archive = join(dir, 'web.tar');
    buildWebImage(archive);
    await cluster.ok('image', 'load', archive);
    const apply = (version: number): Promise<string> => {
      const file = join(dir, 'compose.yaml');
      writeFileSync(file, composeOf(version));
      return cluster.ok('apply', '-f', file, '--stack', 'shop');
    };
    await apply(0);
    const urls = cluster.local.topology.hosts.map(({ address }) => `http://${address}:8080/`);
    const [lost, asked, slowest, took]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let round = 1; round <= rounds; round++) {
      const end = startLoad(urls, askers);
      const started = performance.now();
      await apply(round);
      took.push(performance.now() - started);
      const result = await end();
      lost.push(result.failed);
      asked.push(result.ok);
      slowest.push(result.slowestMs);
    }
    const wrong: number[] = [];
    let requests = 0;
    for (let round = rounds + 1; round <= rounds + 3; round++) {
      const load = Promise.all(
        urls.flatMap((url) => [wrk(url, wrkSeconds, 'kept'), wrk(url, wrkSeconds, 'new')]),
      );
      await apply(round);
      const results = await load;
      for (const { wrong: words } of results) for (const line of words) process.stderr.write(`${line}\n`);
      wrong.push(results.reduce((sum, { wrong: words }) => sum + words.length, 0));
      requests += results.reduce((sum, result) => sum + result.requests, 0);
    }
    await cluster.ok('rm', 'shop');
    return {
      setup: `three hosts, one replica with a health check, ${askers} askers on each host's port 8080 (half on kept connections); ${rounds} updates, ${asked.join(', ')} requests answered; then wrk, twice on each host, 4 kept connections and 4 times new ones, during 3 updates, ${requests} requests answered`,
      figures: [
        { what: 'requests lost in an update', ours: lost, target: '0', unit: 'requests' },
        { what: 'runs of wrk, of 6, that saw an error in an update', ours: wrong, target: '0', unit: 'runs' },
        { what: 'slowest request', ours: slowest, target: '–' },
        { what: 'update, with 5 s of watching the new task', ours: took, target: '–' },
      ],
    };
  } finally {
    rmSync(dir, { recursive: true });
    await cluster.stop();
  }
}

function composeOf(version: number): string {
  return `
services:
  web:
    image: web:1
    environment: { VERSION: "${version}" }
    ports: ["8080:8080"]
    stop_grace_period: 20s
    x-gantry:
      drain: 1s
      healthcheck: { http: ":8080/", interval: 1s, start_period: 20s, start_interval: 200ms }
`;
}
