import { expect, test } from 'vitest';
import ts from 'typescript';
import { arrowsOf, parse, sourceFiles, type Arrow } from './support/imports.ts';

/** Rooms: the first pattern that matches a file names its room. */
const rooms: readonly (readonly [pattern: RegExp, room: string])[] = [
  [/^packages\/model\//, 'model'],
  [/^packages\/kit\//, 'kit'],
  [/^proto\//, 'proto'],
  [/^packages\/controller\/src\/(main|controller|term|serve|config|metrics)\.ts$/, 'controller/top'],
  [/^packages\/controller\/src\/loop\.ts$/, 'controller/loop'],
  [/^packages\/controller\/src\/([^/]+)\//, 'controller/$1'],
  [/^packages\/agent\/src\/(main|agent|node|config|metrics)\.ts$/, 'agent/top'],
  [/^packages\/agent\/src\/([^/]+)\//, 'agent/$1'],
  [/^packages\/sim\//, 'sim'],
  [/^packages\/cli\//, 'cli'],
];

/** What a room may import; a room with `types:` before it only by its types. The table of ARCHITECTURE.md. */
const doors = ['model', 'kit', 'proto', 'types:controller/store'];
const drivers = ['runtime', 'images', 'network', 'volumes', 'contents', 'logs', 'stats', 'fence'];
const driverTypes = drivers.map((name) => `types:agent/${name}`);
const arrows: Readonly<Record<string, readonly string[]>> = {
  model: [],
  kit: [],
  proto: ['model'],
  'controller/store': ['model', 'kit'],
  'controller/election': ['model', 'kit', 'types:controller/store'],
  'controller/scheduler': ['model', 'types:controller/store'],
  'controller/reconcilers': ['model', 'controller/scheduler', 'types:controller/store'],
  'controller/loop': ['kit', 'types:controller/store', 'types:controller/reconcilers'],
  'controller/api': [
    ...doors,
    'types:controller/relay',
    'types:controller/images',
    'types:controller/secrets',
    'types:controller/telemetry',
    'types:controller/forecast',
    'controller/explain',
    'controller/scheduler',
  ],
  'controller/explain': ['model', 'controller/scheduler', 'types:controller/store'],
  'controller/forecast': [
    'model',
    'controller/store',
    'controller/scheduler',
    'types:controller/reconcilers',
  ],
  'controller/dispatcher': [
    ...doors,
    'types:controller/relay',
    'types:controller/images',
    'types:controller/secrets',
  ],
  'controller/secrets': ['model', 'kit'],
  'controller/relay': doors,
  'controller/images': doors,
  'controller/telemetry': doors,
  'agent/task': ['model', 'kit', ...driverTypes],
  'agent/worker': ['model', 'kit', 'agent/task', ...driverTypes],
  'agent/dns': ['model', 'kit', 'types:agent/network'],
  'agent/link': [
    'model',
    'kit',
    'proto',
    'types:agent/logs',
    'types:agent/runtime',
    'types:agent/images',
    'types:agent/volumes',
    'types:agent/contents',
    'types:agent/fence',
  ],
  ...Object.fromEntries(
    drivers.map((name) => [
      `agent/${name}`,
      ['model', 'kit', ...driverTypes.filter((t) => !t.endsWith(`/${name}`))],
    ]),
  ),
  cli: ['model', 'kit', 'proto', 'sim'],
};

/** Rooms that only compute: no waiting, no clock, no dice, no outside world. */
const pure = [
  /^packages\/model\//,
  /^packages\/controller\/src\/(scheduler|reconcilers|forecast|explain)\//,
  /^packages\/controller\/src\/dispatcher\/(assignments|barrier)\.ts$/,
  /^packages\/agent\/src\/worker\/plan\.ts$/,
  /^packages\/agent\/src\/task\/(next-step|health|container-plan)\.ts$/,
  /^packages\/agent\/src\/network\/plan\//,
  /^packages\/agent\/src\/dns\/(answer|directory|names|wire|framing)\.ts$/,
  /^packages\/cli\/src\/compose\//,
];

const files = sourceFiles();
const all = files.flatMap(arrowsOf);

function roomOf(file: string): string {
  for (const [pattern, room] of rooms) {
    const match = pattern.exec(file);
    if (match) return room.replace('$1', match[1] ?? '');
  }
  throw new Error(`${file} is in no room: add it to the table`);
}

function allowed(arrow: Arrow): boolean {
  const [from, to] = [roomOf(arrow.from), roomOf(arrow.to)];
  if (from === to) return true;
  // The simulator puts whole controllers and agents together, on parts of its own.
  if (from === 'sim') return !to.startsWith('cli');
  // The composition roots import every room of their package.
  if (from.endsWith('/top'))
    return to.split('/')[0] === from.split('/')[0] || ['model', 'kit', 'proto'].includes(to);
  const may = arrows[from] ?? [];
  return may.includes(to) || (arrow.typeOnly && may.includes(`types:${to}`));
}

test('every import follows the table of arrows', () => {
  const wrong = all.filter((arrow) => !allowed(arrow)).map(({ from, to }) => `${from} imports ${to}`);
  expect(wrong).toEqual([]);
});

test('no import cycles', () => {
  const next = new Map<string, string[]>();
  for (const { from, to, typeOnly, lazy } of all) {
    if (!typeOnly && !lazy) next.set(from, [...(next.get(from) ?? []), to]);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    const seen = path.indexOf(file);
    if (seen >= 0) cycles.push([...path.slice(seen), file].join(' → '));
    if (seen >= 0 || done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(cycles).toEqual([]);
});

test('pure rooms do not wait, look at a clock, throw dice or touch the outside', () => {
  const found = files.filter((file) => pure.some((pattern) => pattern.test(file))).flatMap(impurities);
  expect(found).toEqual([]);
});

function impurities(file: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const what = impurity(node);
    if (what !== undefined) found.push(`${file}: ${what}`);
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

function impurity(node: ts.Node): string | undefined {
  if (ts.isAwaitExpression(node)) return 'await';
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const { text } = node.moduleSpecifier;
    return text.startsWith('node:') && text !== 'node:path' ? `imports ${text}` : undefined;
  }
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText();
    return ['Date.now', 'Math.random', 'performance.now'].find((name) => text === name);
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
    return 'new Date()';
  if (ts.isIdentifier(node) && node.text === 'process' && ts.isPropertyAccessExpression(node.parent)) {
    return node.parent.expression === node ? 'process' : undefined;
  }
  return undefined;
}
