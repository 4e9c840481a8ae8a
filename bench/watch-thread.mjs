// Loaded into a process before anything else (`--import`): writes how long its thread was held at a stretch, when it ends.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const file = process.env.GANTRY_BENCH_THREAD;
const ms = (ns) => Math.round(ns / 1e4) / 100;
process.on('exit', () => {
  if (file === undefined) return;
  writeFileSync(file, JSON.stringify({ p99: ms(delay.percentile(99)), longest: ms(delay.max) }));
});
