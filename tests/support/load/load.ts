import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../imports.ts';

/** What became of the requests of a load. */
export interface LoadResult {
  readonly ok: number;
  /** Of these, on connections that were kept. */
  readonly kept: number;
  readonly failed: number;
  readonly errors: Readonly<Record<string, number>>;
  /** By the first word of the answers. */
  readonly versions: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

/** Several loads as one. */
export function together(results: readonly LoadResult[]): LoadResult {
  const sum = (of: (one: LoadResult) => number): number => results.reduce((all, one) => all + of(one), 0);
  const sums = (of: (one: LoadResult) => Readonly<Record<string, number>>): Record<string, number> => {
    const all: Record<string, number> = {};
    for (const one of results)
      for (const [word, count] of Object.entries(of(one))) all[word] = (all[word] ?? 0) + count;
    return all;
  };
  return {
    ok: sum(({ ok }) => ok),
    kept: sum(({ kept }) => kept),
    failed: sum(({ failed }) => failed),
    errors: sums(({ errors }) => errors),
    versions: sums(({ versions }) => versions),
    slowestMs: Math.max(...results.map(({ slowestMs }) => slowestMs)),
  };
}

/** Starts a steady load on each URL, by so many askers, in a process of its own; the answer ends it. `netns`: from inside there. */
export function startLoad(
  urls: readonly string[],
  askers: number,
  netns?: string,
): () => Promise<LoadResult> {
  const client = join(root, 'tests/support/load/client.mjs');
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
  const [file = '', ...argv] = [...enter, process.execPath, client, String(askers), ...urls];
  const child = spawn(file, argv, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return async () => {
    child.stdin.end();
    await ended;
    return JSON.parse(output) as LoadResult;
  };
}
