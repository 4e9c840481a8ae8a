import { describe, expect, test } from 'vitest';
import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { AnyObject } from '@gantry/model/objects';
import { aNode, viewOf } from '../../../../tests/support/builders.ts';
import { now, spec, web, revisions, hosts, task, up } from '../../../../tests/support/explained.ts';
import { whyNode, whyTask, type Why } from './why.ts';

const scaledToNone: Service = { ...web, spec: { ...spec, mode: { kind: 'replicated', replicas: 0 } } };

describe('a task', () => {
  const of = (
    tasks: readonly Task[],
    { id }: Task,
    service = web,
    view: readonly AnyObject[] = hosts,
  ): Why => {
    const tables = viewOf([service, ...revisions, ...view, ...tasks]);
    const one = tables.get('task', id);
    if (!one) throw new Error(`there is no task ${id}`);
    return whyTask(tables, service, one, now);
  };

  test('that runs tells where and since when', () => {
    const one = up(1, { id: 'abcdef' });
    expect(of([one], one).answer).toBe('web.1 (abcdef) runs revision 2 on n1 and is ready since 5 s');
  });

  test.each([
    [
      'a newer revision',
      up(1, { revisionId: 'r2', createdAt: now }),
      web,
      hosts,
      'revision 2 took its place',
    ],
    ['scaling down', undefined, scaledToNone, hosts, 'the service was scaled down to 0'],
    ['a drain', undefined, web, [aNode({ id: 'n1', availability: 'drain' })], 'its host n1 is being drained'],
  ])('that was stopped by %s says so', (_what, next, service, view, words) => {
    const old = task(
      1,
      { state: 'shutdown', reason: 'stopped as asked' },
      { id: 'abcdef', revisionId: 'r1', desired: 'shutdown' },
    );
    expect(of([old, ...(next ? [next] : [])], old, service, view).answer).toBe(
      `web.1 (abcdef) was stopped on n1 5 s ago: ${words}`,
    );
  });

  test('whose host is down is not said to run', () => {
    const one = up(1, { id: 'abcdef' });
    const down = aNode({ id: 'n1', state: 'down', stateReason: 'silent for 5 s' });
    expect(of([one], one, web, [down]).answer).toBe(
      'web.1 (abcdef) was running when its host n1 was last heard: silent for 5 s',
    );
  });

  test('tells what happened in its place, the oldest first', () => {
    const before = task(
      1,
      { state: 'failed', reason: 'ended with exit code 1', at: now - 9_000 },
      { id: 'first', desired: 'shutdown' },
    );
    const one = up(1, { id: 'second', createdAt: now - 8_000 });
    const { timeline } = of([before, one, up(2)], one);
    const ats = timeline.map(({ at }) => at);
    expect(ats).toEqual([...ats].sort((a, b) => a - b));
    const told = timeline.map(({ about, what }) => `${about} ${what}`);
    expect(told).toContain('web.1 (first) failed on n1: ended with exit code 1');
    expect(told.join()).not.toContain('web.2');
  });
});

test.each([
  [{}, 'n1 is as it should be: heartbeats arrive, 0 tasks'],
  [
    { state: 'down', stateReason: 'silent for 5 s' } as const,
    'n1 is down: silent for 5 s; its tasks run elsewhere',
  ],
  [{ availability: 'drain' } as const, 'n1 is drained: it gets no tasks, 0 are left on it'],
  [{ availability: 'pause' } as const, 'n1 is cordoned: it keeps its 0 tasks and gets no new ones'],
  [{ pressure: 'the disk is 96 % full' }, 'n1 gets no new tasks: the disk is 96 % full'],
])('a host with %o says so', (more, words) => {
  const node = aNode({ id: 'n1', ...more });
  expect(whyNode(viewOf([node]), node, now).answer).toBe(words);
});
