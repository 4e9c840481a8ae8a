import { clusterOf } from '../scheduler/cluster.ts';
import { makeWay, type MakingWay } from '../scheduler/make-way.ts';
import type { View, Write } from '../store/store.ts';
import type { Reconciler } from './reconciler.ts';

/** Tasks that are told to make way in one decision. */
const mostVictims = 20;

/** Lets tasks make way for waiting ones of higher priority. Owns `Task.makesWay`; `reconcilers/services` stops and replaces them. */
export const preempt: Reconciler<'all'> = {
  name: 'preempt',

  *keys(view) {
    view.derived(clusterOf);
    yield 'all';
  },

  // Everything that is looked at may change who fits where; without a service that takes, a decision costs nothing.
  *keysOf(_change, view) {
    if (view.derived(clusterOf).takers > 0) yield 'all';
  },

  decide(view) {
    const chosen = makeWay(view, view.derived(clusterOf), mostVictims);
    if (chosen.length === 0) return { writes: [] };
    const writes = chosen.map((one): Write => ({
      op: 'put',
      object: { ...one.victim, makesWay: wordsOf(view, one) },
    }));
    return { writes, note: `${chosen.length} tasks make way for others` };
  },
};

function wordsOf(view: View, { victim, taker, taking }: MakingWay): string {
  const name = (id: string): string => {
    const spec = view.get('service', id)?.spec;
    return spec ? `${spec.stack}/${spec.name}` : id;
  };
  const place = taker.slot === 0 ? '' : `.${taker.slot}`;
  const own = view.get('service', victim.serviceId)?.spec.placement?.priority ?? 0;
  return `made way for ${name(taker.serviceId)}${place}, whose priority is ${taking.soft.priority} and not ${own}`;
}
