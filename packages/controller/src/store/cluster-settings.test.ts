import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { settingsId } from '@gantry/model/settings';
import { setEncryption } from './cluster-settings.ts';
import { MemoryLog } from './memory-log.ts';
import { openStore } from './open-store.ts';

test('the setting is kept, and written only when it changes', async () => {
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  const setting = () => store.view().get('settings', settingsId);
  expect(setting()).toBeUndefined();
  await setEncryption(store, 'wireguard');
  const { version } = setting()!;
  await setEncryption(store, 'wireguard');
  expect(setting()).toMatchObject({ encryption: 'wireguard', version });
  await setEncryption(store, 'none');
  expect(setting()).toMatchObject({ encryption: 'none' });
  await store.close();
});
