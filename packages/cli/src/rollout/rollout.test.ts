import { describe, expect, test } from 'vitest';
import type { ServiceView, TaskView, WatchResponse } from '@gantry/proto/gen/gantry/v1/control';
import { ServiceView as Services, TaskView as Tasks } from '@gantry/proto/gen/gantry/v1/control';
import { defaultRestart } from '@gantry/model/service';
import type { Goal } from './goal.ts';
import { Rollout } from './rollout.ts';

function aGoal(more: Partial<Goal> = {}): Goal {
  return { serviceId: 's1', name: 'shop/web', change: 'updated', ...more };
}

function aService(more: Partial<ServiceView> = {}): ServiceView {
  const base = { id: 's1', stack: 'shop', name: 'web', mode: 'replicated', desired: 1, revision: 2 };
  return Services.fromPartial({ ...base, ...more });
}

function aTask(
  id: string,
  state: string,
  more: Partial<Omit<TaskView, 'status'>> = {},
  reason = state,
): TaskView {
  const status = { state, reason, ready: state === 'running' };
  const base = {
    id,
    serviceId: 's1',
    stack: 'shop',
    service: 'web',
    slot: 1,
    revision: 2,
    desired: 'running',
  };
  return Tasks.fromPartial({ ...base, ...more, status });
}

function told(
  services: readonly ServiceView[],
  tasks: readonly TaskView[],
  removed: string[] = [],
): WatchResponse {
  return { services: [...services], tasks: [...tasks], removedServices: removed };
}

function failures(count: number, state = 'failed'): readonly TaskView[] {
  return Array.from({ length: count }, (_, n) => aTask(`t${n}`, state, { createdAt: n }, 'exit code 1'));
}

describe('a service is done', () => {
  const up = { running: 1, ready: 1, upToDate: 1 };

  test('when every place has a ready task of the newest revision and no other task runs', () => {
    const rollout = new Rollout([aGoal()]);
    rollout.take(told([aService({ ...up, running: 2 })], []));
    expect(rollout.verdict()).toBe('waiting');
    rollout.take(told([aService(up)], []));
    expect(rollout.verdict()).toBe('done');
  });

  test('not before the controller has told of it', () => {
    expect(new Rollout([aGoal()]).verdict()).toBe('waiting');
  });

  test('when it is to go, only once it is gone', () => {
    const rollout = new Rollout([aGoal({ change: 'removed' })]);
    rollout.take(told([aService({ ...up, desired: 0, running: 0, upToDate: 0, removing: true })], []));
    expect(rollout.verdict()).toBe('waiting');
    rollout.take(told([], [], ['s1']));
    expect(rollout.verdict()).toBe('done');
  });

  test('when its program ended well and is not run again', () => {
    const rollout = new Rollout([aGoal({ restart: { ...defaultRestart, condition: 'on-failure' } })]);
    rollout.take(told([aService()], [aTask('t1', 'complete')]));
    expect(rollout.verdict()).toBe('done');
  });

  test('not when its program ended well but is run again for ever', () => {
    const rollout = new Rollout([aGoal({ restart: defaultRestart })]);
    rollout.take(told([aService()], [aTask('t1', 'complete')]));
    expect(rollout.verdict()).toBe('waiting');
  });

  test('not when the controller that said so was replaced and has not told again', () => {
    const rollout = new Rollout([aGoal()]);
    rollout.take(told([aService(up)], []));
    rollout.restart();
    expect(rollout.verdict()).toBe('waiting');
  });
});

describe('waiting is hopeless', () => {
  test('after five failures in one place, not after four', () => {
    const rollout = new Rollout([aGoal({ change: 'created' })]);
    rollout.take(told([aService()], failures(4)));
    expect(rollout.verdict()).toBe('waiting');
    rollout.take(told([aService()], [aTask('t9', 'failed')]));
    expect(rollout.verdict()).toBe('hopeless');
  });

  test('after one failure if the service is never restarted', () => {
    const rollout = new Rollout([
      aGoal({ change: 'created', restart: { ...defaultRestart, condition: 'none' } }),
    ]);
    rollout.take(told([aService()], failures(1)));
    expect(rollout.verdict()).toBe('hopeless');
  });

  test('after three refusals of hosts', () => {
    const rollout = new Rollout([aGoal({ change: 'created' })]);
    rollout.take(told([aService()], failures(3, 'rejected')));
    expect(rollout.verdict()).toBe('hopeless');
  });

  test('never for failures of before the wait, of another place or of an old revision', () => {
    const rollout = new Rollout([aGoal()]);
    rollout.take(told([aService()], failures(9)));
    const elsewhere = Array.from({ length: 9 }, (_, n) => aTask(`e${n}`, 'failed', { slot: n + 2 }));
    const old = Array.from({ length: 9 }, (_, n) => aTask(`o${n}`, 'failed', { revision: 1 }));
    rollout.take(told([aService()], [...elsewhere, ...old]));
    expect(rollout.verdict()).toBe('waiting');
  });
});

test('what stood before the wait is no news; each step after it is, once', () => {
  const rollout = new Rollout([aGoal()]);
  expect(rollout.take(told([aService()], [aTask('t1', 'running')]))).toEqual([]);
  const [change] = rollout.take(told([], [aTask('t2', 'starting')]));
  expect(change).toMatchObject({ from: '', task: { id: 't2' } });
  expect(rollout.take(told([], [aTask('t2', 'starting')]))).toEqual([]);
  expect(rollout.take(told([], [aTask('t2', 'running')]))).toMatchObject([{ from: 'starting' }]);
});

test('reasons say what is missing, and the same words once for all the places they are about', () => {
  const rollout = new Rollout([aGoal()]);
  const waiting = [1, 2, 3].map((slot) => aTask(`t${slot}`, 'pending', { slot }, 'no host fits'));
  rollout.take(told([aService({ desired: 4, upToDate: 1, running: 1, note: 'no host fits' })], waiting));
  expect(rollout.reasons()).toEqual([
    'shop/web: 1 of 4 ready: no host fits',
    '  web.1, web.2, web.3 pending: no host fits',
  ]);
});

test('what is to go is waited for, however often it failed', () => {
  const rollout = new Rollout([aGoal({ change: 'removed' })]);
  const run = { number: 1, state: 'failed', reason: 'x', revision: 2, dueAt: 0, succeeded: 0, failed: 1 };
  rollout.take(told([aService({ removing: true, job: { run, completions: 1 } })], failures(9)));
  expect(rollout.verdict()).toBe('waiting');
  rollout.take(told([], [], ['s1']));
  expect(rollout.verdict()).toBe('done');
});
