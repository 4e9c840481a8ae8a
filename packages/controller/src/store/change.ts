import { GantryError } from '@gantry/kit/errors';
import type { Store, View, Write } from './store.ts';

/** Writes of others may come between; the fence lets none of a former leader through twice. */
const maxAttempts = 5;

/**
 * Writes what the leader itself has to say, deciding anew if others wrote meanwhile. Nothing is committed if nothing changes.
 * `what` names it in errors: throws `not_leader`, or `unreachable` if it could not be written.
 */
export async function change(
  store: Store,
  what: string,
  decide: (view: View) => readonly Write[],
): Promise<void> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const writes = decide(store.view());
    if (writes.length === 0) return;
    const result = await store.commit(writes);
    if (result.ok) return;
    if (result.why === 'not_leader') throw new GantryError('not_leader', 'this controller does not lead');
  }
  throw new GantryError('unreachable', `${what} could not be written`, { hint: 'is etcd running?' });
}
