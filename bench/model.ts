import { readFileSync } from 'node:fs';
import type { BenchResult } from './report.ts';
import { fitted } from './model/fit.ts';

/*
 * `node --import tsx bench/model.ts [--nodes 10000] [--tasks 1000000] RUN.json…`: fits how cost grows with nodes and tasks to
 * the results of `npm run bench -- scale --json`, and says what a larger cluster would take. Prints Markdown.
 */

/** One run of the bench: its size, and its figures by name. */
interface Run {
  readonly nodes: number;
  readonly tasks: number;
  readonly figures: ReadonlyMap<string, number>;
}

/** Measured by themselves on the reference host (docs/performance.md): what the wires and etcd take, and sizes on the wire. */
const limits = { etcdKeysPerSecond: 51_000, backendBytes: 17, etcdBytesPerSecond: 20e6 };

/** What is fitted: a figure of the bench as `each run + each node + each task`. */
const quantities = [
  ['controller: RSS', 'MiB'],
  ['etcd: RSS', 'MiB'],
  ['etcd: database', 'MiB'],
  ['steady, controller: cpu', '% of a core'],
] as const;

const [files, size] = readArguments(process.argv.slice(2));
const runs = files.map(readRun).sort((a, b) => a.tasks - b.tasks);
process.stdout.write(`${[measured(), model(), extrapolated()].join('\n\n')}\n`);

function measured(): string {
  const names = [
    'rate', 'controller: cpu a task', 'hollow nodes: cpu a task', 'etcd: cpu a task', 'etcd: puts a task',
    'etcd: transactions a task', ...quantities.map(([name]) => name),
  ]; // prettier-ignore
  const rows = names.map((name) => [name, ...runs.map(({ figures }) => short(figures.get(name)))]);
  return table(['figure', ...runs.map(({ nodes, tasks }) => `${nodes} nodes, ${tasks} tasks`)], rows);
}

function model(): string {
  const rows = quantities.map(([name, unit]) => {
    const { base, perNode, perTask, worst } = fit(name);
    return [
      `${name}, ${unit}`,
      short(base),
      short(perNode * 1_000),
      short(perTask * 1_000),
      `${short(worst * 100)} %`,
    ];
  });
  return table(['figure', 'of itself', 'each 1,000 nodes', 'each 1,000 tasks', 'worst error'], rows);
}

function extrapolated(): string {
  const { nodes, tasks } = size;
  const last = runs.at(-1);
  const [cpu, puts] = ['controller: cpu a task', 'etcd: puts a task'].map(
    (name) => last?.figures.get(name) ?? NaN,
  );
  const bound = 1e6 / (cpu ?? NaN);
  const rows = quantities.map(([name, unit]) => {
    const { base, perNode, perTask } = fit(name);
    return [`${name}, ${unit}`, short(base + perNode * nodes + perTask * tasks)];
  });
  rows.push(
    ['tasks a second that one core of the controller takes', short(bound)],
    ['tasks a second that etcd takes, by writes', short(limits.etcdKeysPerSecond / (puts ?? NaN))],
    ['minutes from apply to all running, by the controller', short(tasks / bound / 60)],
    [
      'MB a second to all hosts at that rate, if each hears of every task',
      short((bound * nodes * limits.backendBytes) / 1e6),
    ],
    ['MB that a host that comes back is sent', short((tasks * limits.backendBytes) / 1e6)],
    [
      'seconds to read all tasks from etcd, for a new leader',
      short((tasks * 500) / limits.etcdBytesPerSecond),
    ],
  );
  return table(
    [`${nodes.toLocaleString('en')} nodes, ${tasks.toLocaleString('en')} tasks`, 'by the model'],
    rows,
  );
}

function fit(name: string): ReturnType<typeof fitted> {
  return fitted(
    runs.flatMap(({ nodes, tasks, figures }) => {
      const value = figures.get(name);
      return value === undefined ? [] : [{ nodes, tasks, value }];
    }),
  );
}

function readRun(file: string): Run {
  const { setup, figures } = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
  const [, nodes, tasks] = /^(\d+) hollow nodes, (\d+) tasks/.exec(setup) ?? [];
  if (nodes === undefined) throw new Error(`${file} is no result of the bench scale`);
  const values = figures.map(({ what, ours }) => [what, ours[0] ?? Number.NaN] as const);
  return { nodes: Number(nodes), tasks: Number(tasks), figures: new Map(values) };
}

function readArguments(argv: readonly string[]): [readonly string[], { nodes: number; tasks: number }] {
  const option = (name: string, otherwise: number): number => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(argv[at + 1]);
  };
  const files = argv.filter((word) => word.endsWith('.json'));
  if (files.length === 0) throw new Error('name at least one result of `npm run bench -- scale --json FILE`');
  return [files, { nodes: option('nodes', 10_000), tasks: option('tasks', 1_000_000) }];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(2)));
}
