import { connect } from 'node:http2';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { freePort } from '../../../tests/support/etcd.ts';
import { serve } from './serve.ts';
import type { Doors } from './term.ts';

/** Nobody calls anything. */
const doors = { users: {}, agents: {}, peers: {} } as Doors;

test('doors that are shut end every connection at once', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const shut = await serve([address], doors, silentLogger);
  const agent = connect(`http://${address}`);
  agent.on('error', () => undefined);
  await once(agent, 'remoteSettings');
  const closed = new Promise((resolve) => agent.once('close', resolve));
  shut();
  await closed;
  expect(agent.destroyed).toBe(true);
});
