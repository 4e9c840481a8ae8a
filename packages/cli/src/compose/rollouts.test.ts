import { describe, expect, test } from 'vitest';
import { defaultJob } from '@gantry/model/job';
import { defaultRollback, defaultUpdate } from '@gantry/model/update';
import { readCompose, type ComposeResult } from './read.ts';

function read(lines: readonly string[], sugar = false): ComposeResult {
  const source = ['services:', '  web:', '    image: web:1', ...lines.map((line) => `    ${line}`)].join(
    '\n',
  );
  return readCompose({
    source,
    stack: { fallback: 'shop' },
    variables: {},
    readFile: () => undefined,
    sugar,
  });
}

function spec(lines: readonly string[], sugar = false) {
  const { services, problems } = read(lines, sugar);
  expect(problems).toEqual([]);
  return services[0];
}

const said = (lines: readonly string[]): readonly string[] =>
  read(lines).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);

describe('updates', () => {
  test('are as the defaults say when the file says nothing', () => {
    expect(spec([])).not.toHaveProperty('update');
  });

  test('are read from deploy, and x-gantry adds to them', () => {
    const lines = [
      'deploy:',
      '  update_config: { parallelism: 2, delay: 10s, order: start-first, max_failure_ratio: 0.2 }',
      '  rollback_config: { parallelism: 0, failure_action: pause }',
      'x-gantry: { update: { deadline: 2m, on_failure: pause }, availability: prefer-one }',
    ];
    expect(spec(lines)).toMatchObject({
      availability: 'prefer-one',
      update: {
        ...defaultUpdate,
        parallelism: 2,
        delayMs: 10_000,
        order: 'start-first',
        maxFailureRatio: 0.2,
        failureAction: 'pause',
        deadlineMs: 120_000,
      },
      rollback: { ...defaultRollback, parallelism: 0, failureAction: 'pause' },
    });
  });

  test('may stand without deploy in gantry.yaml', () => {
    expect(spec(['update: { delay: 1s }'], true)).toMatchObject({ update: { delayMs: 1_000 } });
  });

  test.each([
    ['deploy: { update_config: { order: fast } }', '4:39 order "fast" is not known'],
    ['deploy: { update_config: { max_failure_ratio: 20 } }', '4:51 max_failure_ratio "20" is not understood'],
    [
      'deploy: { rollback_config: { failure_action: rollback } }',
      '4:15 a rollback that fails cannot be rolled back: use pause or continue',
    ],
  ])('%s is refused where it stands', (line, expected) => {
    expect(said([line])).toEqual([expected]);
  });
});

describe('jobs', () => {
  test('are read from the mode, with replicas as completions', () => {
    const job = spec(['deploy: { mode: replicated-job, replicas: 5, restart_policy: { max_attempts: 1 } }']);
    expect(job).toMatchObject({
      mode: { kind: 'replicated', replicas: 5 },
      job: { ...defaultJob, retries: 1 },
    });
    expect(spec(['deploy: { mode: global-job }'])).toMatchObject({
      mode: { kind: 'global' },
      job: defaultJob,
    });
  });

  test('are read from x-gantry', () => {
    const line =
      'x-gantry: { job: { completions: 3, parallelism: 1, deadline: 1h, ttl: 1d, schedule: "0 3 * * *", time_zone: Europe/Berlin, overlap: queue, missed: skip, group: db } }';
    expect(spec([line.replace('1d', '24h')])).toMatchObject({
      mode: { kind: 'replicated', replicas: 3 },
      job: {
        parallelism: 1,
        deadlineMs: 3_600_000,
        ttlMs: 86_400_000,
        schedule: '0 3 * * *',
        timeZone: 'Europe/Berlin',
        overlap: 'queue',
        missed: 'skip',
        group: 'db',
      },
    });
  });

  test('with a schedule that is none are refused where it stands', () => {
    const [problem] = said(['x-gantry: { job: { schedule: "0 25 * * *" } }']);
    expect(problem).toContain('4:34 "0 25 * * *" in UTC is not a schedule');
  });
});

describe('depends_on', () => {
  const both = (lines: readonly string[]): readonly string[] => ['depends_on:', ...lines];

  test('is a list or a map, and needs of a job adds to it', () => {
    const more = ['  db: { condition: service_healthy }', 'x-gantry: { job: { needs: [init] } }'];
    const { services } = read(both(more));
    expect(services[0]?.dependsOn).toEqual([
      { service: 'db', condition: 'service_healthy', required: true },
      { service: 'init', condition: 'service_completed_successfully', required: true },
    ]);
  });

  test('on a service that is not there is refused, unless it is not required', () => {
    expect(said(['depends_on: [db]'])).toEqual(['4:5 web depends on db, which is not in the stack']);
    expect(said(['depends_on: { db: { required: false } }'])).toEqual([]);
  });

  test('in a circle is refused', () => {
    const source = 'services:\n  a: { image: a, depends_on: [b] }\n  b: { image: b, depends_on: [a] }\n';
    const { problems } = readCompose({
      source,
      stack: { fallback: 'shop' },
      variables: {},
      readFile: () => undefined,
      sugar: false,
    });
    expect(problems.map(({ message }) => message)).toEqual([
      'these services wait for each other: a → b → a',
      'these services wait for each other: b → a → b',
    ]);
  });
});
