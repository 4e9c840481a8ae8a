import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EndpointAssignment } from '@gantry/model/assignment';
import type { PortSpec } from '@gantry/model/service';
import {
  aNetworking,
  anEndpoint,
  aPeer,
  aTask,
  pools,
  subnet,
} from '../../../../../tests/support/networks.ts';
import { NftModel } from '../../../../../tests/support/nft-model.ts';
import { namesOf } from './address-plan.ts';
import type { Local } from './locals.ts';
import { TableBook, type TableInput } from './table-book.ts';

const config = {
  ...pools,
  subnet,
  guarded: ['10.208.0.1'],
  outer: () => '10.208.0.12',
  isPlain: () => false,
};
const nothing: TableInput = { endpoints: [], locals: [], peers: [] };

function aLocal(last: number, networks: readonly string[], hostPorts: readonly PortSpec[] = []): Local {
  const containerId = `task${String(last).padStart(8, '0')}`;
  const attachment = {
    containerId,
    address: `10.210.1.${last}`,
    netns: namesOf(containerId).netns,
    hostPorts,
  };
  return { attachment, task: aTask(containerId, networks) };
}

function aPort(published: number, more: Partial<PortSpec> = {}): PortSpec {
  return { target: 80, published, protocol: 'tcp', mode: 'ingress', ...more };
}

/** Nobody wants another's: who gets a contested port depends on who was first. */
const somePorts = (first: number): fc.Arbitrary<readonly PortSpec[]> =>
  fc.subarray([first, first + 1, first + 2]).map((all) => all.map((one) => aPort(one)));
const someNetworks = fc.subarray(['front', 'back', 'side']);
const someEndpoint = (id: number): fc.Arbitrary<EndpointAssignment> =>
  fc
    .record({
      backends: fc.subarray(['10.210.1.2', '10.210.1.3', '10.210.2.2', '10.210.2.3', '10.210.2.4']),
      ports: somePorts(8_000 + 10 * id),
      networks: someNetworks,
      affinity: fc.constantFrom('none' as const, 'client' as const),
      endpointMode: fc.constantFrom('vip' as const, 'dnsrr' as const),
      idle: fc.subarray(['10.210.3.9']),
    })
    .map(({ backends, networks, affinity, endpointMode, ...more }) =>
      anEndpoint(
        `svc${id}`,
        `10.211.0.${id}`,
        backends.map((address) => ({ taskId: `t${address}`, address })),
        {
          ...more,
          networking: aNetworking(networks, { affinity, endpointMode }),
        },
      ),
    );
const someInput: fc.Arbitrary<TableInput> = fc.record({
  endpoints: fc
    .tuple(...[1, 2, 3].map((id) => fc.option(someEndpoint(id), { nil: undefined })))
    .map((all) => all.filter((one) => one !== undefined)),
  locals: fc
    .tuple(
      ...[2, 3].map((last) =>
        fc.option(fc.tuple(fc.constant(last), someNetworks, somePorts(7_000 + 10 * last)), {
          nil: undefined,
        }),
      ),
    )
    .map((all) => all.flatMap((one) => (one ? [aLocal(...one)] : []))),
  peers: fc.subarray([aPeer(2, '10.208.0.12'), aPeer(3, '10.208.0.13')]),
});

test('any way of changes leads to a table that nft takes, and to the same one as making it at once', () => {
  fc.assert(
    fc.property(fc.array(someInput, { minLength: 1, maxLength: 6 }), (inputs) => {
      const [book, model] = [new TableBook(config), new NftModel()];
      model.run(book.whole(nothing).text);
      for (const input of inputs) model.run(book.change(input).text);
      const last = inputs.at(-1) ?? nothing;
      const fresh = new NftModel();
      fresh.run(new TableBook(config).whole(last).text);
      expect(model.elements(/^(vip|port|hairpin|own|inward|peer|guarded)/)).toEqual(
        fresh.elements(/^(vip|port|hairpin|own|inward|peer|guarded)/),
      );
      expect(model.reach(last)).toEqual(fresh.reach(last));
    }),
    { numRuns: 300 },
  );
});

test('nothing to change is no transaction', () => {
  const book = new TableBook(config);
  const input = { ...nothing, locals: [aLocal(2, ['front'])], peers: [aPeer(2, '10.208.0.12')] };
  book.whole(input);
  expect(book.change(input).text).toBe('');
});

test('a change of one service says nothing of the others', () => {
  const endpoints = Array.from({ length: 200 }, (_, id) =>
    anEndpoint(`svc${id}`, `10.211.1.${id}`, [{ taskId: `t${id}`, address: `10.210.2.${id}` }]),
  );
  const book = new TableBook(config);
  book.whole({ ...nothing, endpoints });
  const after = endpoints.map((one, id) => (id === 77 ? { ...one, backends: [] } : one));
  const { text, leftBackends } = book.change({ ...nothing, endpoints: after });
  expect(text.split('\n').filter(Boolean)).toHaveLength(2);
  expect(text).toContain('10.211.1.77');
  expect(leftBackends).toEqual(['10.210.2.77']);
});

test('a port that two services want is with the first, and goes to the other when that lets go', () => {
  const one = anEndpoint('one', '10.211.0.1', [{ taskId: 'a', address: '10.210.2.2' }], {
    ports: [aPort(80)],
  });
  const two = anEndpoint('two', '10.211.0.2', [{ taskId: 'b', address: '10.210.2.3' }], {
    ports: [aPort(80)],
  });
  const [book, model] = [new TableBook(config), new NftModel()];
  model.run(book.whole({ ...nothing, endpoints: [one, two] }).text);
  expect(model.get('port_slot', 'tcp . 80 . 0x67b00000')).toBe('10.210.2.2 . 80');
  model.run(book.change({ ...nothing, endpoints: [two] }).text);
  expect(model.get('port_slot', 'tcp . 80 . 0x67b00000')).toBe('10.210.2.3 . 80');
});

test('a backend of this host without a container is not led to', () => {
  const at = anEndpoint('one', '10.211.0.1', [{ taskId: 'a', address: '10.210.1.2' }]);
  const [book, model] = [new TableBook(config), new NftModel()];
  model.run(book.whole({ ...nothing, endpoints: [at] }).text);
  expect(model.get('vip_size', '10.211.0.1')).toBeUndefined();
  model.run(book.change({ ...nothing, endpoints: [at], locals: [aLocal(2, [])] }).text);
  expect(model.get('vip_slot', '10.211.0.1 . 0x67b00000')).toBe('10.210.1.2');
  model.run(book.change({ ...nothing, endpoints: [at] }).text);
  expect(model.get('vip_size', '10.211.0.1')).toBeUndefined();
});

test('a published UDP port that something answers on now makes its old flows be forgotten', () => {
  const ports = [aPort(53, { protocol: 'udp' }), aPort(80)];
  const book = new TableBook(config);
  const empty = anEndpoint('dns', '10.211.0.1', [], { ports });
  book.whole({ ...nothing, endpoints: [empty] });
  const ready = {
    ...empty,
    backends: anEndpoint('x', '', [{ taskId: 'a', address: '10.210.2.2' }]).backends,
  };
  expect(book.change({ ...nothing, endpoints: [ready] }).openedUdp).toEqual([53]);
});
