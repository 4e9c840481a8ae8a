import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultPools } from '@gantry/model/addresses';
import type { EndpointAssignment } from '@gantry/model/assignment';
import { defaultNetworking } from '@gantry/model/network';
import { anEndpoint, endpointSets, on } from '../../../../tests/support/endpoints.ts';
import { aTask } from '../../../../tests/support/networks.ts';
import { answer, type Answer, type AnswerRecord } from './answer.ts';
import { Directory } from './directory.ts';

const me = '10.210.9.9';

/** A host with these services and one container, of stack `shop` and on these networks. */
function hostWith(endpoints: readonly EndpointAssignment[], networks = ['shop_default']): Directory {
  const directory = new Directory();
  const networking = { ...defaultNetworking('shop'), ...on(networks) };
  const tasks = [{ taskId: 'me', stack: 'shop', service: 'client', slot: 1, networking }];
  directory.use({ endpoints, tasks, pools: defaultPools });
  directory.attached(me, 'me');
  return directory;
}

function ask(view: Directory, name: string, type = 'A', turn = 0, from = me): Answer {
  return answer({ view, turn }, { name, type }, from);
}

/** Data of the records, or what the answer is if it has none. */
function data(found: Answer): readonly AnswerRecord['data'][] | string {
  return found.kind === 'known' ? found.records.map((record) => record.data) : found.kind;
}

const web = anEndpoint({
  backends: [1, 2, 3].map((slot) => ({
    taskId: `task0000000${slot}`,
    slot,
    address: `10.210.1.${slot + 1}`,
  })),
  ports: [{ target: 80, published: 8080, protocol: 'tcp', mode: 'ingress' }],
  on: { ...on(['shop_default'], 'www', 'my_web'), expose: [{ port: 53, protocol: 'udp' }] },
});

describe('names of a service', () => {
  const host = hostWith([web]);

  test.each([
    'web',
    'web.shop',
    'web.shop.gantry.internal',
    'WEB.Shop.gantry.internal.',
    'www',
    'my_web',
    'www.shop.gantry.internal',
    'web.shop.shop.gantry.internal',
    'web.gantry.internal',
  ])('%s is its virtual address', (name) => {
    expect(data(ask(host, name))).toEqual(['10.211.0.1']);
  });

  test.each(['tasks.web', 'tasks.web.shop', 'tasks.web.shop.gantry.internal', 'tasks.www'])(
    '%s is every ready task',
    (name) => {
      expect(data(ask(host, name))).toEqual(['10.210.1.2', '10.210.1.3', '10.210.1.4']);
    },
  );

  test.each(['2.web', '2.web.shop', 'task00000002.web', '2.web.shop.gantry.internal'])(
    '%s is one task',
    (name) => {
      expect(data(ask(host, name))).toEqual(['10.210.1.3']);
    },
  );

  test('a slot without a ready task is no name', () => {
    expect(data(ask(host, '4.web'))).toBe('unknown');
  });

  test('tasks take turns in being the first', () => {
    expect(data(ask(host, 'tasks.web', 'A', 4))).toEqual(['10.210.1.3', '10.210.1.4', '10.210.1.2']);
  });

  test('in mode dnsrr the name is every ready task', () => {
    const rr = anEndpoint({ on: { ...on(['shop_default']), endpointMode: 'dnsrr' } });
    expect(data(ask(hostWith([rr]), 'web'))).toEqual(['10.210.1.2']);
    expect(data(ask(hostWith([{ ...rr, backends: [] }]), 'web'))).toEqual([]);
  });

  test.each(['AAAA', 'MX', 'TXT', 'UNKNOWN_65'])('type %s of a known name is an empty answer', (type) => {
    expect(data(ask(host, 'web', type))).toEqual([]);
  });

  test('SRV names every task with each of its ports, and their addresses come along', () => {
    const one = anEndpoint({ ports: web.ports, networking: web.networking });
    const found = ask(hostWith([one]), 'web', 'SRV');
    const target = '1.web.shop.gantry.internal';
    expect(data(found)).toEqual([
      { target, port: 80, priority: 0, weight: 0 },
      { target, port: 53, priority: 0, weight: 0 },
    ]);
    expect(found.kind === 'known' && found.extra).toEqual([{ type: 'A', name: target, data: '10.210.1.2' }]);
  });

  test.each([
    ['_tcp.web', [80]],
    ['_udp.web.shop', [53]],
    ['_80._tcp.web', [80]],
    ['_81._tcp.web', []],
  ])('SRV of %s has ports %j', (name, wanted) => {
    const found = ask(hostWith([{ ...web, backends: web.backends.slice(0, 1) }]), name, 'SRV');
    const ports =
      found.kind === 'known' ? found.records.map(({ data: d }) => (typeof d === 'string' ? d : d.port)) : [];
    expect(ports).toEqual(wanted);
  });

  test('addresses have names, too', () => {
    expect(data(ask(host, '1.0.211.10.in-addr.arpa', 'PTR'))).toEqual(['web.shop.gantry.internal']);
    expect(data(ask(host, '3.1.210.10.in-addr.arpa', 'PTR'))).toEqual(['2.web.shop.gantry.internal']);
    expect(data(ask(host, '77.1.210.10.in-addr.arpa', 'PTR'))).toBe('unknown');
    expect(data(ask(host, '8.8.8.8.in-addr.arpa', 'PTR'))).toBe('forward');
  });
});

describe('who may know', () => {
  test('somebody who is no container of this host is refused', () => {
    expect(data(ask(hostWith([web]), 'web', 'A', 0, '10.210.9.10'))).toBe('refused');
  });

  test('a container that is gone is refused, and its address means the next one', () => {
    const host = hostWith([web]);
    host.detached('me');
    expect(data(ask(host, 'web'))).toBe('refused');
  });

  test('services of networks that the asker is not on do not exist', () => {
    const host = hostWith([web, anEndpoint({ service: 'db', on: on(['shop_back'], 'database') })]);
    expect(data(ask(host, 'db'))).toBe('unknown');
    expect(data(ask(host, 'database.shop.gantry.internal'))).toBe('unknown');
    expect(data(ask(hostWith([web], ['other']), '1.0.211.10.in-addr.arpa', 'PTR'))).toBe('unknown');
  });

  test('an alias is a name on its own network only', () => {
    const db = anEndpoint({ service: 'db', on: on(['shop_back', 'shop_default'], 'database') });
    expect(data(ask(hostWith([db]), 'database'))).toBe('unknown');
    expect(data(ask(hostWith([db], ['shop_back']), 'database'))).toEqual(['10.211.0.1']);
  });

  test('on a shared network the own stack comes first, and others are known by their full name', () => {
    const own = anEndpoint({ on: on(['edge']) });
    const other = anEndpoint({ stack: 'blog', vip: '10.211.0.2', on: on(['edge']) });
    const host = hostWith([own, other], ['edge']);
    expect(data(ask(host, 'web'))).toEqual(['10.211.0.1']);
    expect(data(ask(host, 'web.blog'))).toEqual(['10.211.0.2']);
    expect(data(ask(host, 'web.blog.shop.gantry.internal'))).toEqual(['10.211.0.2']);
    expect(data(ask(hostWith([other], ['edge']), 'web'))).toEqual(['10.211.0.2']);
  });
});

describe('names of others', () => {
  test.each([
    ['example.com', 'forward'],
    ['no-such', 'unknown'],
    ['no-such.gantry.internal', 'unknown'],
    ['gantry.internal', 'unknown'],
    ['', 'unknown'],
  ])('"%s" is %s', (name, kind) => {
    expect(data(ask(hostWith([web]), name))).toBe(kind);
  });
});

const questions = fc
  .record({
    name: fc.constantFrom(
      'web',
      'db',
      'cache',
      'database',
      'tasks.web',
      'tasks.db',
      '1.web',
      '2.db',
      'web.blog',
      'db.shop',
      'tasks.web.blog',
    ),
    suffix: fc.constantFrom('', '.shop.gantry.internal', '.gantry.internal'),
    type: fc.constantFrom('A', 'SRV', 'ANY', 'AAAA'),
    turn: fc.nat(),
  })
  .map(({ name, suffix, ...more }) => ({ name: `${name}${suffix}`, ...more }));

function addressesIn(found: Answer): readonly string[] {
  const records = found.kind === 'known' ? [...found.records, ...found.extra] : [];
  return records.flatMap((record) => (record.type === 'A' ? [record.data] : []));
}

test('only ready tasks and virtual addresses of services on a shared network are ever named', () => {
  fc.assert(
    fc.property(
      endpointSets,
      questions,
      fc.subarray(['front', 'back', 'side']),
      (endpoints, question, networks) => {
        const found = answer({ view: hostWith(endpoints, networks), turn: question.turn }, question, me);
        const allowed = endpoints
          .filter(({ networking }) => networking.networks.some(({ name }) => networks.includes(name)))
          .flatMap(({ vip, backends }) => [vip, ...backends.map(({ address }) => address)]);
        for (const address of addressesIn(found)) expect(allowed).toContain(address);
      },
    ),
  );
});

test('a service on a shared network is found by its full name, whatever else has that name', () => {
  fc.assert(
    fc.property(endpointSets, fc.subarray(['front', 'back', 'side']), (endpoints, networks) => {
      const host = hostWith(endpoints, networks);
      for (const { stack, service, networking, vip, backends } of endpoints) {
        if (!networking.networks.some(({ name }) => networks.includes(name))) continue;
        const expected = networking.endpointMode === 'vip' ? [vip] : backends.map(({ address }) => address);
        expect(addressesIn(ask(host, `${service}.${stack}`))).toEqual(expected);
      }
    }),
  );
});

test('a directory that followed changes knows what one that was made anew knows', () => {
  fc.assert(
    fc.property(fc.array(endpointSets, { minLength: 1, maxLength: 5 }), questions, (states, question) => {
      const networks = ['front', 'back'];
      const followed = hostWith([], networks);
      const networking = { ...defaultNetworking('shop'), ...on(networks) };
      const task = { taskId: 'me', stack: 'shop', service: 'client', slot: 1, networking };
      // Some of each state stay the same objects, as they do when hosts hear of changes.
      let last: readonly EndpointAssignment[] = [];
      for (const state of states) {
        last = state.map((endpoint, index) =>
          index % 2 === 0
            ? (last.find(({ serviceId }) => serviceId === endpoint.serviceId) ?? endpoint)
            : endpoint,
        );
        followed.use({ endpoints: last, tasks: [task], pools: defaultPools });
      }
      const fresh = hostWith(last, networks);
      for (const { name, type } of [question, { name: '2.0.210.10.in-addr.arpa', type: 'PTR' }])
        expect(ask(followed, name, type)).toEqual(ask(fresh, name, type));
    }),
  );
});

test('names of addresses are known within the pools of the cluster, and others are asked for the rest', () => {
  const directory = hostWith([anEndpoint({ vip: '172.20.0.1', backends: [] })], ['front', 'shop_default']);
  const name = '9.0.20.172.in-addr.arpa';
  expect(ask(directory, name, 'PTR').kind).toBe('forward');
  directory.use({
    endpoints: [],
    tasks: [aTask('me', ['shop_default'])],
    pools: { containerPool: '172.16.0.0/14', vipPool: '172.20.0.0/16' },
  });
  expect(ask(directory, name, 'PTR').kind).toBe('unknown');
});
