import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { report, type BenchResult } from './report.ts';

/** Every bench by name; each is loaded only when asked for. */
const benches: Readonly<Record<string, () => Promise<{ run(): Promise<BenchResult> }>>> = {
  start: () => import('./start.ts'),
  recover: () => import('./recover.ts'),
  idle: () => import('./idle.ts'),
  cli: () => import('./cli.ts'),
  dns: () => import('./dns.ts'),
  net: () => import('./net.ts'),
  update: () => import('./update.ts'),
  unpack: () => import('./unpack.ts'),
  schedule: () => import('./schedule.ts'),
  scale: () => import('./scale.ts'),
};

const [name, ...rest] = process.argv.slice(2);
const load = name === undefined ? undefined : benches[name];
if (name === undefined || !load) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json FILE]\nbenches: ${Object.keys(benches).join(', ')}\n`,
  );
  process.exit(2);
}
const result = await (await load()).run();
process.stdout.write(report(result));
const jsonFile = rest[rest.indexOf('--json') + 1];
if (rest.includes('--json') && jsonFile !== undefined) {
  const host = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
  };
  writeFileSync(jsonFile, `${JSON.stringify({ name, host, ...result }, undefined, 2)}\n`);
}
