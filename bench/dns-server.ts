import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { defaultPools } from '@gantry/model/addresses';
import { defaultNetworking } from '@gantry/model/network';
import { Directory } from '../packages/agent/src/dns/directory.ts';
import { Forwarder } from '../packages/agent/src/dns/forward.ts';
import { DnsServer } from '../packages/agent/src/dns/server.ts';
import { anEndpoint } from '../tests/support/endpoints.ts';

/** The name server of a host that knows so many services, in a process of its own; says its port, then its CPU time on demand. */
const services = Number(process.argv[2]);
const directory = new Directory();
const endpoints = Array.from({ length: services }, (_, index) =>
  anEndpoint({
    service: `web${index}`,
    vip: `10.211.${index >> 8}.${index & 255}`,
    backends: [1, 2, 3].map((slot) => ({
      taskId: `t${index}-${slot}`,
      slot,
      address: `10.210.${slot}.${index & 255}`,
    })),
  }),
);
const networking = defaultNetworking('shop');
const tasks = [{ taskId: 'me', stack: 'shop', service: 'client', slot: 1, networking }];
directory.use({ endpoints, tasks, pools: defaultPools });
directory.attached('127.0.0.1', 'me');
const base = { clock: systemClock, log: silentLogger };
const server = new DnsServer({
  ...base,
  view: directory,
  forwarder: new Forwarder({ ...base, resolvConf: '/nowhere', without: [] }),
  address: '127.0.0.1',
  port: 0,
  prepare: () => Promise.resolve(),
});
await server.start();
process.send?.({ port: server.port });
process.on('message', () =>
  process.send?.({ cpuMs: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000 }),
);
process.on('disconnect', () => void server.close().then(() => process.exit(0)));
