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

/** The four laws, on random clusters. `safe` is the reconciler's own invariant on the view after its writes. */
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
          for (const key of new Set(reconciler.keys(view))) {
            let left = 20; // big decisions may come in parts, but not for ever
            for (;;) {
              const { writes } = reconciler.decide(view, key, { ...envAt(noon), newId: freshIds(view) });
              if (writes.length === 0) break;
              expect(
                left--,
                `${reconciler.name} ${key} does not settle: ${JSON.stringify(writes)}`,
              ).toBeGreaterThan(0);
              expect(applyWrites(view, writes).length).toBeGreaterThan(0);
            }
          }
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
          for (const [key, decision] of decideAll(view)) {
            if (named.has(key)) continue;
            expect(outcome(decision), `${key} is not named by ${JSON.stringify(changes)}`).toBe(
              outcome(before.get(key) ?? { writes: [] }),
            );
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

/** Without versions: a write of the same object on another version is the same decision. */
function outcome({ writes, wakeAt }: Decision): string {
  return JSON.stringify([writes, wakeAt], (key, value: unknown) => (key === 'version' ? undefined : value));
}

function freshIds(view: Tables): () => string {
  let next = view.count('task');
  return () => `f${view.revision}x${next++}`;
}

/** One object replaced by, or added from, another random cluster, or deleted. */
function randomWrite(view: Tables, cluster: Cluster, other: Cluster, pick: number): readonly Write[] {
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
