import { expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { settingsId } from '@gantry/model/settings';
import { setSettings } from './cluster-settings.ts';
import { MemoryLog } from './memory-log.ts';
import { openStore } from './open-store.ts';

test('the setting is kept, and written only when it changes', async () => {
  const store = await openStore(new MemoryLog(), { log: silentLogger, clock: systemClock });
  const setting = () => store.view().get('settings', settingsId);
  expect(setting()).toBeUndefined();
  await setSettings(store, { leader: 'c1:7443' });
  expect(setting()?.encryption, 'nobody has said: hosts stay as they are').toBeUndefined();
  await setSettings(store, { encryption: 'wireguard' });
  const { version } = setting()!;
  await setSettings(store, { encryption: 'wireguard' });
  expect(setting()).toMatchObject({ encryption: 'wireguard', version });
  await setSettings(store, { leader: 'c2:7443' });
  expect(setting(), 'what a leader has no word on stays').toMatchObject({
    encryption: 'wireguard',
    leader: 'c2:7443',
  });
  await setSettings(store, { encryption: 'none', leader: 'c1:7443' });
  expect(setting()).toMatchObject({ encryption: 'none', leader: 'c1:7443' });
  await store.close();
});
