import { defaultPools } from '@gantry/model/addresses';
import { afterEach, describe, expect, test } from 'vitest';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { PortSpec } from '@gantry/model/service';
import type { Asker } from './fake.ts';
import type { Attachment, Network, NetworkState } from './network.ts';
import { aNetworking, anEndpoint, aTask, subnet } from '../../../../tests/support/networks.ts';

/** What the contract needs of a host: networks over the same disk and kernel, and somebody who asks. */
export interface ContractHost {
  /** The host's address among the hosts. */
  readonly address: string;
  open(): Promise<Network>;
  /** Lets time pass for addresses that rest. */
  later(ms: number): void;
  /** Makes the container answer on port 80, tcp and udp, with its id. */
  serve(attachment: Attachment): Promise<void>;
  /** Who answers, or `refused`. */
  ask(network: Network, from: Asker, to: string, port: number, protocol?: 'tcp' | 'udp'): Promise<string>;
  /** Traces of containers and of the network left on the host. */
  traces(): Promise<readonly string[]>;
}

const [web, db, api] = ['webwebwebweb', 'dbdbdbdbdbdb', 'apiapiapiapi'] as const;

/** What every network must do. */
export function networkContract(name: string, host: ContractHost): void {
  describe(`the ${name} network`, () => {
    const open: Network[] = [];
    const start = async (): Promise<Network> => {
      const network = await host.open();
      open.push(network);
      return network;
    };
    const state = (more: Partial<NetworkState> = {}): NetworkState => ({
      subnet,
      pools: defaultPools,
      address: host.address,
      peers: [],
      endpoints: [],
      tasks: [
        aTask(web, ['shop_front']),
        aTask(api, ['shop_front', 'shop_back']),
        aTask(db, ['shop_back'], { internal: true }),
      ],
      ...more,
    });
    const port = (published: number, more: Partial<PortSpec> = {}): PortSpec => ({
      target: 80,
      published,
      protocol: 'tcp',
      mode: 'ingress',
      ...more,
    });
    const attachAll = async (on: Network): Promise<Readonly<Record<'web' | 'db' | 'api', Attachment>>> => {
      const [one, two, three] = [await on.attach(web, []), await on.attach(db, []), await on.attach(api, [])];
      await Promise.all(
        [one, two, three].map((attachment) =>
          on.settled(attachment.containerId).then(() => host.serve(attachment)),
        ),
      );
      return { web: one, db: two, api: three };
    };
    const service = (
      task: string,
      at: Attachment,
      more: Partial<EndpointAssignment> = {},
    ): EndpointAssignment =>
      anEndpoint(`svc-${task}`, '10.211.0.1', [{ taskId: task, address: at.address }], more);

    afterEach(async () => {
      await Promise.all(open.splice(0).map((network) => network.close()));
      const last = await host.open();
      await last.configure(state());
      await last.teardown();
      expect(await host.traces()).toEqual([]);
    });

    test('has no addresses before the controller gave the host its own', async () => {
      const on = await start();
      await expect(on.attach(web, [])).rejects.toThrow('waits for the controller');
    });

    test('gives each container an address of its own, the same one also after a restart of the agent', async () => {
      const on = await start();
      await on.configure(state());
      const [one, two] = [await on.attach(web, []), await on.attach(db, [])];
      expect(one.address).toMatch(/^10\.210\.1\./);
      expect(one.address).not.toBe(two.address);
      expect(await on.attach(web, [])).toEqual(one);
      await on.close();
      const again = await start();
      await again.configure(state());
      expect(await again.attach(web, [])).toEqual(one);
      expect((await again.attached()).map(({ containerId }) => containerId).sort()).toEqual([db, web].sort());
    });

    test('an address rests before another container gets it: a while at least, also when there is no other', async () => {
      const on = await start();
      await on.configure(state({ subnet: '10.210.9.0/29' })); // four addresses
      const ids = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc', 'dddddddddddd'];
      for (const id of ids) await on.attach(id, []);
      await on.detach('aaaaaaaaaaaa');
      await expect(on.attach('eeeeeeeeeeee', [])).rejects.toThrow(
        /all 4 container addresses .* free in 10 s/,
      );
      await on.close();
      const again = await start();
      await again.configure(state({ subnet: '10.210.9.0/29' }));
      await expect(again.attach('eeeeeeeeeeee', [])).rejects.toThrow('container addresses');
      host.later(10_000);
      expect((await again.attach('eeeeeeeeeeee', [])).address).toBe('10.210.9.2');
    });

    test('a host port has one holder, and is free after it', async () => {
      const on = await start();
      await on.configure(state());
      const ports = [port(8053, { mode: 'host', protocol: 'udp' })];
      await on.attach(web, ports);
      await expect(on.attach(db, ports)).rejects.toThrow(`host port 8053/udp is held by task ${web}`);
      await on.detach(web);
      expect((await on.attach(db, ports)).hostPorts).toEqual(ports);
    });

    test('containers reach those on a network with them, and nobody else', async () => {
      const on = await start();
      await on.configure(state());
      const at = await attachAll(on);
      const ask = (from: string, to: Attachment): Promise<string> =>
        host.ask(on, { container: from }, to.address, 80);
      expect(await ask(web, at.api)).toBe(api);
      expect(await ask(api, at.db)).toBe(db);
      expect(await ask(web, at.db)).toBe('refused');
      expect(await ask(db, at.web)).toBe('refused');
      expect(await host.ask(on, 'host', at.db.address, 80)).toBe(db);
      await on.configure(state({ tasks: [aTask(web, ['shop_back']), aTask(db, ['shop_back'])] }));
      expect(await ask(web, at.db)).toBe(db);
      expect(await ask(web, at.api)).toBe('refused');
    });

    test('a virtual address leads to a ready task, and refuses at once without one', async () => {
      const on = await start();
      await on.configure(state());
      const at = await attachAll(on);
      const ask = (from: string, protocol?: 'udp'): Promise<string> =>
        host.ask(on, { container: from }, '10.211.0.1', 80, protocol);
      expect(await ask(web)).toBe('refused');
      expect(await ask(web, 'udp')).toBe('refused');
      await on.configure(state({ endpoints: [service(api, at.api)] }));
      expect([await ask(web), await ask(web, 'udp'), await ask(api)]).toEqual([api, api, api]);
      await on.configure(
        state({ endpoints: [service(db, at.db, { networking: aNetworking(['shop_back']) })] }),
      );
      expect([await ask(web), await ask(api)]).toEqual(['refused', db]);
      await on.configure(state({ endpoints: [service(api, at.api, { backends: [] })] }));
      expect(await ask(web)).toBe('refused');
      await on.configure(state({ endpoints: [] }));
      expect(await ask(web)).toBe('refused');
    });

    test('a published port is open to the outside; one of 127.0.0.1 only to the host itself', async () => {
      const on = await start();
      await on.configure(state());
      const at = await attachAll(on);
      const ports = [port(8080), port(8080, { protocol: 'udp' }), port(8081, { hostIp: '127.0.0.1' })];
      await on.configure(state({ endpoints: [service(web, at.web, { ports })] }));
      expect(await host.ask(on, 'outside', host.address, 8080)).toBe(web);
      expect(await host.ask(on, 'outside', host.address, 8080, 'udp')).toBe(web);
      expect(await host.ask(on, 'outside', host.address, 8081)).toBe('refused');
      expect(await host.ask(on, 'host', '127.0.0.1', 8081)).toBe(web);
      expect(await host.ask(on, 'host', host.address, 8080)).toBe(web);
      expect(await host.ask(on, { container: api }, host.address, 8080)).toBe(web);
      expect(await host.ask(on, { container: db }, host.address, 8080)).toBe('refused'); // internal
    });

    test('ports of mode host lead to their container alone', async () => {
      const on = await start();
      await on.configure(state());
      const attachment = await on.attach(web, [
        port(9090, { mode: 'host' }),
        port(9091, { mode: 'host', hostIp: '127.0.0.1' }),
      ]);
      await on.settled(web);
      await host.serve(attachment);
      expect(await host.ask(on, 'outside', host.address, 9090)).toBe(web);
      expect(await host.ask(on, 'outside', host.address, 9090, 'udp'), 'TCP alone').toBe('refused');
      expect(await host.ask(on, 'outside', host.address, 9091), 'the host alone').toBe('refused');
      expect(await host.ask(on, 'host', '127.0.0.1', 9091)).toBe(web);
      await on.detach(web);
      expect(await host.ask(on, 'outside', host.address, 9090)).toBe('refused');
    });
  });
}
