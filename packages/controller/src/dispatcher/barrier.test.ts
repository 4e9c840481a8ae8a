import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Barrier } from './barrier.ts';

describe('an order to stop', () => {
  test('is free when every host has applied the round in which the task left', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, ['a', 'b']);
    expect(barrier.applied('a', 3)).toEqual([]);
    expect(barrier.isHeld('t1')).toBe(true);
    expect(barrier.applied('b', 2)).toEqual([]);
    expect(barrier.applied('b', 4)).toEqual(['t1']);
    expect(barrier.isHeld('t1')).toBe(false);
  });

  test('joins the others of its round', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, ['a']);
    barrier.hold(['t2'], 3, 2_500, ['a']);
    expect(barrier.applied('a', 3)).toEqual(['t1', 't2']);
  });

  test('does not wait for a host that is gone', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, ['a', 'b']);
    barrier.applied('a', 3);
    expect(barrier.left('b')).toEqual(['t1']);
  });

  test('is held no longer than its time, and the hosts that did not answer are named', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, ['a', 'b']);
    barrier.applied('a', 3);
    expect(barrier.nextAt).toBe(2_000);
    expect(barrier.expired(1_999)).toEqual([]);
    expect(barrier.expired(2_000)).toEqual([{ tasks: ['t1'], hosts: ['b'] }]);
    expect(barrier.nextAt).toBeUndefined();
  });

  test('of a task that has ended is forgotten', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, ['a']);
    barrier.forget('t1');
    expect(barrier.awaits('a')).toBe(false);
    expect(barrier.applied('a', 3)).toEqual([]);
  });

  test('is not held if there is no host to wait for', () => {
    const barrier = new Barrier();
    barrier.hold(['t1'], 3, 2_000, []);
    expect(barrier.isHeld('t1')).toBe(false);
  });
});

const hosts = ['a', 'b', 'c'];
const event = fc.oneof(
  fc.record({
    kind: fc.constant('hold' as const),
    tasks: fc.subarray(['t1', 't2', 't3']),
    hosts: fc.subarray(hosts),
  }),
  fc.record({
    kind: fc.constant('applied' as const),
    host: fc.constantFrom(...hosts),
    behind: fc.nat({ max: 2 }),
  }),
  fc.record({ kind: fc.constant('left' as const), host: fc.constantFrom(...hosts) }),
  fc.record({ kind: fc.constant('forget' as const), task: fc.constantFrom('t1', 't2', 't3') }),
);

test('no order is free before all its hosts have applied its round, and none is held once they have', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const barrier = new Barrier();
      // What should hold, said plainly: per task the hosts that have not applied its round yet.
      const missing = new Map<string, { round: number; hosts: Set<string> }>();
      events.forEach((one, round) => {
        if (one.kind === 'hold') {
          barrier.hold(one.tasks, round, 1_000, one.hosts);
          for (const task of one.tasks)
            if (!missing.has(task) && one.hosts.length > 0)
              missing.set(task, { round, hosts: new Set(one.hosts) });
        } else if (one.kind === 'forget') {
          barrier.forget(one.task);
          missing.delete(one.task);
        } else {
          const upTo = one.kind === 'applied' ? round - one.behind : Infinity;
          const free = one.kind === 'applied' ? barrier.applied(one.host, upTo) : barrier.left(one.host);
          const expected: string[] = [];
          for (const [task, wait] of missing) {
            if (wait.round <= upTo) wait.hosts.delete(one.host);
            if (wait.hosts.size === 0) expected.push(task);
          }
          for (const task of expected) missing.delete(task);
          expect([...free].sort()).toEqual(expected.sort());
        }
        for (const task of ['t1', 't2', 't3']) expect(barrier.isHeld(task)).toBe(missing.has(task));
        for (const host of hosts)
          expect(barrier.awaits(host)).toBe([...missing.values()].some((wait) => wait.hosts.has(host)));
      });
    }),
  );
});
