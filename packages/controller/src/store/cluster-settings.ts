import { settingsId, type ClusterSettings } from '@gantry/model/settings';
import { same } from '@gantry/model/spec-change';
import { change } from './change.ts';
import type { Store } from './store.ts';

/** Sets what a controller has to say of the whole cluster when it begins to lead; on the rest it keeps what others set. */
export function setSettings(
  store: Store,
  said: Partial<Pick<ClusterSettings, 'encryption' | 'leader'>>,
): Promise<void> {
  return change(store, 'the settings of the cluster', (view) => {
    const known = view.get('settings', settingsId);
    const object = { ...(known ?? { ...unset, version: 0 }), ...said };
    return known && same(known, object) ? [] : [{ op: 'put', object }];
  });
}

const unset = { kind: 'settings', id: settingsId } as const;
