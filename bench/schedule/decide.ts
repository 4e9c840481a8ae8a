import { schedule } from '../../packages/controller/src/reconcilers/schedule.ts';
import { defaultSettings } from '../../packages/controller/src/reconcilers/reconciler.ts';
import { clusterOf } from '../../packages/controller/src/scheduler/cluster.ts';
import type { Change, View, Write } from '../../packages/controller/src/store/store.ts';
import { Tables } from '../../packages/controller/src/store/tables.ts';
import { noon } from '../../tests/support/builders.ts';
import { objectsOf, type Shape } from './cluster.ts';
import { mark, since, threadClock, type Spent } from './spent.ts';

export interface Decided {
  /** All decisions and the upkeep of the scheduler's own state. */
  readonly spent: Spent;
  /** ms of the longest single decision. */
  readonly longest: number;
  readonly decisions: number;
}

/**
 * Decides until every task has its node. What counts is what the scheduler does: every decision, and bringing its order of
 * nodes up to date with the outcome. Showing the outcome to the view is the store's work, which `commitAll` measures.
 */
export function decideAll(shape: Shape): Decided {
  const tables = new Tables();
  for (const object of objectsOf(shape))
    tables.apply(object.kind, object.id, { ...object, version: ++tables.revision });
  const cluster = clusterOf.build(tables);
  const view = Object.create(tables, { derived: { value: () => cluster } }) as View;
  const env = { now: noon, newId: () => '', settings: defaultSettings };
  const clock = threadClock();
  let [wall, cpu, longest, decisions, placed] = [0, 0, 0, 0, 0];
  while (placed < shape.tasks) {
    const [from, held] = [mark(), clock()];
    const { writes, more } = schedule.decide(view, 'all', env);
    const deciding = since(from);
    longest = Math.max(longest, clock() - held);
    const changes = show(tables, writes);
    const told = mark();
    for (const change of changes) clusterOf.apply(cluster, change);
    const upkeep = since(told);
    wall += deciding.wall + upkeep.wall;
    cpu += deciding.cpu + upkeep.cpu;
    decisions++;
    placed += changes.length;
    if (changes.length === 0 && more !== true) throw new Error(`${shape.tasks - placed} tasks found no node`);
  }
  return { spent: { wall, cpu }, longest, decisions };
}

function show(tables: Tables, writes: readonly Write[]): readonly Change[] {
  tables.revision++;
  return writes.flatMap((write) => {
    if (write.op !== 'put') throw new Error('the schedule deletes nothing');
    const { object } = write;
    return tables.apply(object.kind, object.id, { ...object, version: tables.revision }) ?? [];
  });
}
