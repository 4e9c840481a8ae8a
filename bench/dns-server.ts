import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
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
directory.use(endpoints, [{ taskId: 'me', stack: 'shop', service: 'client', slot: 1, networking }]);
directory.attached('127.0.0.1', 'me');
const base = { clock: systemClock, log: silentLogger };
const server = new DnsServer({
  ...base,
  view: directory,
  pools: { containerPool: '10.210.0.0/16', vipPool: '10.211.0.0/16' },
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
