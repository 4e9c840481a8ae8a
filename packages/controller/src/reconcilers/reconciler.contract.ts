import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noon, viewOf } from '../../../../tests/support/builders.ts';
import { clusters, type Cluster } from '../../../../tests/support/clusters.ts';
import type { Tables } from '../store/tables.ts';
import type { Change, Write } from '../store/store.ts';
import { defaultSettings, type Decision, type Env, type Reconciler } from './reconciler.ts';

/** Applies writes as a commit would; answers with what changed. */
export function applyWrites(view: Tables, writes: readonly Write[]): readonly Change[] {
  view.revision++;
  return writes.flatMap((write) => {
    const change =
      write.op === 'put'
        ? view.apply(write.object.kind, write.object.id, {
            ...write.object,
            version: view.revision,
          })
        : view.apply(write.kind, write.id, undefined);
    return change ?? [];
  });
}

export function envAt(now: number): Env {
  let next = 0;
  return { now, newId: () => `new${String(next++).padStart(9, '0')}`, settings: defaultSettings };
}

/**
 * The laws, on random clusters. `safe` is the reconciler's own invariant on the view after its writes. The fifth,
 * punctual, is the part of "complete" that time plays: nothing becomes due that was not announced by `wakeAt`.
 */
export function reconcilerContract(
  reconciler: Reconciler,
  safe: (view: Tables, before: Cluster) => void,
): void {
  const decideAll = (view: Tables): ReadonlyMap<string, Decision> =>
    new Map(
      [...new Set(reconciler.keys(view))].map((key) => [key, reconciler.decide(view, key, envAt(noon))]),
    );

  describe(`the laws of ${reconciler.name}`, () => {
    test('pure: deciding twice gives the same and changes nothing', () => {
      fc.assert(
        fc.property(clusters, (cluster) => {
          const view = viewOf(cluster);
          const first = JSON.stringify([...decideAll(view)]);
          expect(JSON.stringify([...decideAll(view)])).toBe(first);
        }),
      );
    });

    test('settled: after its own writes it has nothing more to say', () => {
      fc.assert(
        fc.property(clusters, (cluster) => {
          const view = viewOf(cluster);
          for (const key of new Set(reconciler.keys(view))) settle(reconciler, view, key);
        }),
      );
    });

    test('complete: a change that alters the decision of a key names the key', () => {
      fc.assert(
        fc.property(clusters, clusters, fc.nat(), (cluster, other, pick) => {
          const view = viewOf(cluster);
          const before = decideAll(view);
          const changes = applyWrites(view, randomWrite(view, cluster, other, pick));
          const named = new Set(changes.flatMap((change) => [...reconciler.keysOf(change, view)]));
          for (const key of new Set([...before.keys(), ...reconciler.keys(view)])) {
            if (named.has(key)) continue;
            const decision = reconciler.decide(view, key, envAt(noon));
            expect(outcome(decision), `${key} is not named by ${JSON.stringify(changes)}`).toBe(
              outcome(before.get(key) ?? { writes: [] }),
            );
          }
        }),
        { numRuns: 400 },
      );
    });

    test('punctual: once settled, it has nothing to say before the time it named', () => {
      const later = fc.oneof(fc.nat({ max: 10_000 }), fc.nat({ max: 200_000_000 }));
      fc.assert(
        fc.property(clusters, later, (cluster, ms) => {
          const view = viewOf(cluster);
          for (const key of new Set(reconciler.keys(view))) {
            const { wakeAt = Infinity } = settle(reconciler, view, key);
            expect(wakeAt, 'a time to wake up is never over already').toBeGreaterThan(noon);
            const at = Math.min(noon + ms, wakeAt - 1);
            expect(reconciler.decide(view, key, envAt(at)).writes).toEqual([]);
          }
        }),
        { numRuns: 300 },
      );
    });

    test('safe: its writes keep its invariant', () => {
      fc.assert(
        fc.property(clusters, (cluster) => {
          const view = viewOf(cluster);
          for (const key of new Set(reconciler.keys(view))) {
            applyWrites(view, reconciler.decide(view, key, { ...envAt(noon), newId: freshIds(view) }).writes);
          }
          safe(view, cluster);
        }),
      );
    });
  });
}

/** Applies decisions of one key until it has no more writes; answers with the last. */
function settle(reconciler: Reconciler, view: Tables, key: string): Decision {
  // Big decisions may come in parts, but not for ever.
  for (let left = 20; left > 0; left--) {
    const decision = reconciler.decide(view, key, { ...envAt(noon), newId: freshIds(view) });
    if (decision.writes.length === 0) return decision;
    expect(applyWrites(view, decision.writes).length).toBeGreaterThan(0);
  }
  throw new Error(`${reconciler.name} ${key} does not settle`);
}

/** Without versions: a write of the same object on another version is the same decision. */
function outcome({ writes, wakeAt }: Decision): string {
  return JSON.stringify([writes, wakeAt], (key, value: unknown) => (key === 'version' ? undefined : value));
}

function freshIds(view: Tables): () => string {
  let next = view.count('task');
  return () => `f${view.revision}x${next++}`;
}

/** One object added from another random cluster, replaced by its namesake there, or deleted. */
function randomWrite(view: Tables, cluster: Cluster, other: Cluster, pick: number): readonly Write[] {
  const added = other.filter(({ kind, id }) => !view.get(kind, id));
  const extra = added[pick % Math.max(1, added.length)];
  if (extra && pick % 4 === 0) return [{ op: 'put', object: { ...extra, version: 0 } }];
  const all = [...cluster];
  const victim = all[pick % Math.max(1, all.length)];
  const twin = other.find(({ kind, id }) => kind === victim?.kind && id === victim.id);
  if (!victim) return [];
  const { version } = view.get(victim.kind, victim.id) ?? { version: 0 };
  // A task never changes its service, nor its node once it has one.
  const moved =
    twin?.kind === 'task' &&
    victim.kind === 'task' &&
    (twin.serviceId !== victim.serviceId || (victim.nodeId ?? twin.nodeId) !== twin.nodeId);
  if (!twin || moved) return [{ op: 'delete', kind: victim.kind, id: victim.id, version }];
  return [{ op: 'put', object: { ...twin, version } }];
}
