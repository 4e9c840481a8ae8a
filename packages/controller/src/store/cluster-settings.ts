import { GantryError } from '@gantry/kit/errors';
import type { EncryptionMode } from '@gantry/model/node';
import { settingsId } from '@gantry/model/settings';
import type { Store } from './store.ts';

/** Writes of a former leader may come between; the fence lets none through twice. */
const maxAttempts = 5;

/** Sets how the hosts of the cluster speak with each other; a controller without an opinion keeps what others set. */
export async function setEncryption(store: Store, encryption: EncryptionMode): Promise<void> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const known = store.view().get('settings', settingsId);
    if (known?.encryption === encryption) return;
    const object = { kind: 'settings', id: settingsId, version: known?.version ?? 0, encryption } as const;
    const result = await store.commit([{ op: 'put', object }]);
    if (result.ok) return;
    if (result.why === 'not_leader') throw new GantryError('not_leader', 'this controller does not lead');
  }
  throw new GantryError('unreachable', 'the setting of the cluster for encryption could not be written');
}
