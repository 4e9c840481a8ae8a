import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCompose } from '../compose/read.ts';
import { runDocument, runName, type RunFlags } from './document.ts';

function read(command: readonly string[], flags: RunFlags = {}) {
  return readCompose({
    source: runDocument('once', 'tools:1', command, flags),
    stack: { given: 'run', fallback: 'run' },
    variables: { FROM_HERE: 'yes' },
    readFile: () => undefined,
    sugar: false,
  });
}

test('every flag is what a Compose file would make of it', () => {
  const { services, problems } = read(['sh', '-c', 'true'], {
    env: ['A=1', 'FROM_HERE'],
    volume: ['data:/data', '/srv:/srv:ro'],
    network: ['shop_default'],
    constraint: ['node.labels.disk==ssd'],
    cpus: '0.5',
    memory: '64M',
    workdir: '/w',
    user: '1000',
    entrypoint: '/bin/env',
    deadline: '10m',
  });
  expect(problems).toEqual([]);
  expect(services[0]).toMatchObject({
    stack: 'run',
    name: 'once',
    mode: { kind: 'replicated', replicas: 1 },
    job: { retries: 0, deadlineMs: 600_000, ttlMs: 86_400_000 },
    constraints: ['node.labels.disk==ssd'],
    networking: { networks: [{ name: 'shop_default' }] },
    container: {
      image: 'tools:1',
      command: ['sh', '-c', 'true'],
      entrypoint: ['/bin/env'],
      env: { A: '1', FROM_HERE: 'yes' },
      limits: { cpuMillis: 500, memoryBytes: 64 * 2 ** 20 },
      workingDir: '/w',
      user: '1000',
    },
  });
  expect(services[0]?.container.volumes).toMatchObject([
    { kind: 'volume', source: 'data', target: '/data' },
    { kind: 'bind', source: '/srv', target: '/srv', readOnly: true },
  ]);
});

test('whatever the command is, the container gets these very words', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (command) => {
      fc.pre(command.every((word) => !word.includes('\0')));
      const { services, problems } = read(command);
      expect(problems).toEqual([]);
      expect(services[0]?.container.command).toEqual(command);
    }),
  );
});

test('what a file may not say, a flag may not either', () => {
  expect(read([], { memory: 'much' }).problems[0]?.message).toContain('much');
  expect(read([], { deadline: 'soon' }).problems).toHaveLength(1);
});

test.each([
  ['registry.example.com:5000/team/My_Tools:1.2@sha256:abc', /^my-tools-[a-z0-9]{5}$/],
  ['hello:1', /^hello-[a-z0-9]{5}$/],
  ['___', /^run-[a-z0-9]{5}$/],
])('a run of %s has a name of its own', (image, pattern) => {
  expect(runName(image, () => 0.5)).toMatch(pattern);
});
