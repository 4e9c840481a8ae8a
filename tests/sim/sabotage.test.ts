import { describe, expect, test } from 'vitest';
import type { History, Step } from '@gantry/sim/history';
import type { PlayOptions } from '@gantry/sim/play';
import { isTerminal, type Task } from '@gantry/model/task';
import type { Env, Reconciler } from '../../packages/controller/src/reconcilers/reconciler.ts';
import type { View, Write } from '../../packages/controller/src/store/store.ts';
import { unusedMs } from '../../packages/controller/src/reconcilers/contents.ts';
import { reconcilers } from '../../packages/controller/src/term.ts';
import { firstBroken } from './support.ts';

/*
 * Who watches the watchman: the product broken on purpose, in ways that once were bugs or easily could be. The simulator must
 * find each within the histories of one ordinary run.
 */
const most = 1_000;

/** The product's reconcilers, one of them with its decisions changed. */
function changed(
  name: string,
  change: (writes: readonly Write[], view: View) => readonly Write[],
): PlayOptions {
  const swapped = reconcilers.map((reconciler): Reconciler => {
    if (reconciler.name !== name) return reconciler;
    return {
      ...reconciler,
      decide: (view, key, env) => {
        const decision = reconciler.decide(view, key, env);
        return { ...decision, writes: change(decision.writes, view) };
      },
    };
  });
  return { reconcilers: swapped };
}

/** A place whose task is being stopped is filled at once. */
const holdsNoPlace: PlayOptions = {
  reconcilers: reconcilers.map((reconciler): Reconciler => {
    if (reconciler.name !== 'services') return reconciler;
    return { ...reconciler, decide: (view, key, env) => reconciler.decide(withoutStopping(view), key, env) };
  }),
};

function withoutStopping(view: View): View {
  return new Proxy(view, {
    get: (of, name) => {
      if (name === 'tasksOfService')
        return (id: string) =>
          [...of.tasksOfService(id)].filter(
            ({ desired, status }) => desired === 'running' || isTerminal(status.state),
          );
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === 'function' ? (value.bind(of) as unknown) : value;
    },
  });
}

/** A host that is cut off is waited for less than it lets tasks live that must not run twice. */
const impatient: PlayOptions = {
  reconcilers: reconcilers.map((reconciler): Reconciler => {
    if (reconciler.name !== 'services') return reconciler;
    const shorter = (env: Env): Env => ({ ...env, settings: { ...env.settings, fenceMs: -60_000 } });
    return { ...reconciler, decide: (view, key, env) => reconciler.decide(view, key, shorter(env)) };
  }),
};

/** Versions go at once, although revisions name them. */
const prunesAll: PlayOptions = {
  reconcilers: reconcilers.map((reconciler): Reconciler => {
    if (reconciler.name !== 'contents') return reconciler;
    const later = (env: Env): Env => ({ ...env, now: env.now + unusedMs });
    return {
      ...reconciler,
      decide: (view, key, env) => reconciler.decide(withoutUses(view), key, later(env)),
    };
  }),
};

function withoutUses(view: View): View {
  return new Proxy(view, {
    get: (of, name) => {
      if (name === 'derived') return () => new Map();
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === 'function' ? (value.bind(of) as unknown) : value;
    },
  });
}

/* Which histories concern a way: others have nothing to find, and take their time. */

/** A leader only writes after it was followed when it cannot hear etcd. */
function cuttingEtcdOff({ controllers, steps }: History): boolean {
  const cut = ({ event }: Step): boolean => event.do === 'cut' && [event.from, event.to].includes('etcd');
  return controllers > 1 && steps.some(cut);
}

function cuttingHostsOffFromOne({ steps }: History): boolean {
  const one = steps.some(({ event }) => event.do === 'apply' && event.one);
  return one && steps.some(({ event }) => event.do === 'cut');
}

function withData({ steps }: History): boolean {
  return steps.some(({ event }) => event.do === 'apply' && event.volume);
}

function withSecrets({ steps }: History): boolean {
  return steps.some(({ event }) => event.do === 'apply' && event.secret !== undefined);
}

function preempting({ steps }: History): boolean {
  const seen = new Set(steps.map(({ event }) => event.do === 'apply' && event.preempt));
  return seen.has('takes') && seen.has('yields');
}

type Way = readonly [
  what: string,
  options: PlayOptions,
  finds: RegExp,
  concerns?: (history: History) => boolean,
];

const ways: readonly Way[] = [
  ['secrets are pruned that a revision names', prunesAll, /was deleted while revision/, withSecrets],
  ['commits do not compare the key of the leader', { without: ['fence'] }, /./, cuttingEtcdOff],
  ['a place is filled while its task still stops', holdsNoPlace, /was made for place/],
  [
    'another task starts before a host that is cut off has stopped its own',
    impatient,
    /must not run twice/,
    cuttingHostsOffFromOne,
  ],
  [
    'tasks are deleted before their host says that they ended',
    changed('services', (writes) =>
      writes.map((write) =>
        write.op === 'put' && write.object.kind === 'task' && write.object.desired === 'remove'
          ? { op: 'delete', kind: 'task', id: write.object.id, version: write.object.version }
          : write,
      ),
    ),
    /was deleted while/,
  ],
  [
    'a reconciler writes what an agent owns',
    changed('services', (writes) =>
      writes.map((write) =>
        write.op === 'put' && write.object.kind === 'task' && write.object.desired === 'shutdown'
          ? { ...write, object: { ...write.object, status: { ...write.object.status, state: 'shutdown' } } }
          : write,
      ),
    ),
    /which no one writer may|went back|moved it/,
  ],
  [
    'nodes that are heard again stay down',
    changed('node-health', (writes) =>
      writes.filter(
        (write) =>
          !(
            write.op === 'put' &&
            write.object.kind === 'node' &&
            write.object.state === 'ready' &&
            write.object.stateReason !== '' &&
            write.object.version > 0 &&
            write.object.subnet !== undefined
          ),
      ),
    ),
    /does not come to rest/,
  ],
  [
    'a task does not go back to its data',
    changed('services', (writes) =>
      writes.map((write) =>
        write.op === 'put' && write.object.kind === 'task' && write.object.slot > 0
          ? { ...write, object: anywhere(write.object) }
          : write,
      ),
    ),
    /may go anywhere while/,
    withData,
  ],
  [
    'more tasks make way than the update of their service may change',
    changed('preempt', (writes, view) => writes.flatMap((write) => withNeighbours(write, view))),
    /make way at once/,
    preempting,
  ],
];

function anywhere({ only: _only, ...task }: Task): Task {
  return task;
}

/** The write for every task of the service. */
function withNeighbours(write: Write, view: View): readonly Write[] {
  if (write.op !== 'put' || write.object.kind !== 'task') return [write];
  const { serviceId, makesWay = '' } = write.object;
  return [...view.tasksOfService(serviceId)].map((task) => ({ op: 'put', object: { ...task, makesWay } }));
}

describe('finds it when', () => {
  test.each(ways.map((way) => [...way] as const))('%s', async (_what, options, finds, concerns) => {
    const found = await firstBroken(options, most, concerns);
    expect(found?.broken).toMatch(finds);
    process.stderr.write(`    found with seed ${found?.seed}: ${found?.broken}\n`);
  });
});
