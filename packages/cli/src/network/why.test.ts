import { describe, expect, test } from 'vitest';
import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { networksOf } from './networks.ts';
import { whyFromOutside, whyOutside, whyService } from './why.ts';

interface On {
  readonly [network: string]: { readonly internal?: boolean; readonly aliases?: readonly string[] };
}

function service(stack: string, name: string, on: On, more: Partial<ServiceView> = {}): ServiceView {
  const networks = Object.entries(on).map(([network, { internal = false, aliases = [] }]) => ({
    name: network,
    internal,
    aliases: [...aliases],
  }));
  const networking = { networks, endpointMode: 'vip', affinity: 'none', expose: [], drainMs: 5_000 };
  return { stack, name, networking, vip: '10.211.0.5', ports: [], ...more } as unknown as ServiceView;
}

function task(slot: number, ready: boolean): TaskView {
  const status = { state: 'running', at: 0, reason: '', ready, address: `10.210.1.${slot}` };
  return { id: `task${slot}`, slot, node: 'n2', desired: 'running', status } as unknown as TaskView;
}

const web = service('shop', 'web', { shop_front: {}, shop_back: { internal: true } });
const db = service('shop', 'db', { shop_back: { internal: true, aliases: ['database'] } });
const reader = service(
  'blog',
  'reader',
  { blog_default: {} },
  {
    ports: [{ published: 8080, target: 80, protocol: 'tcp', mode: 'ingress' }],
  },
);

describe('a service and another', () => {
  test('that shares a network: by what names, addresses and tasks', () => {
    expect(whyService(web, db, [task(1, true), task(2, false)])).toMatchObject({
      allowed: true,
      because: 'both are on network shop_back',
      details: [
        'names: db, db.shop, database; single tasks: tasks.db.shop',
        'its name is 10.211.0.5, balanced over all ready tasks',
        'every port is open to it',
        'task 1 on n2 has 10.210.1.1',
      ],
    });
  });

  test('without a ready task is said to refuse', () => {
    expect(whyService(web, db, [task(1, false)]).details.at(-1)).toBe(
      'no task is ready: connections are refused at once',
    );
  });

  test('of another stack: what both are on, the published port, and what to write', () => {
    expect(whyService(web, reader, [])).toMatchObject({
      allowed: false,
      because: 'they share no network',
      details: [
        'shop/web is on shop_front, shop_back (internal)',
        'blog/reader is on blog_default',
        'only its published port 8080/tcp of a host answers',
      ],
      hint: 'declare in the file of shop: networks: { blog: { external: true, name: blog_default } }, and put web on it',
    });
  });

  test('from inside internal networks no published port answers either', () => {
    expect(whyService(db, reader, []).details).toHaveLength(2);
  });
});

describe('a service and the outside', () => {
  test('through a network that is open', () => {
    expect(whyOutside(web)).toMatchObject({
      allowed: true,
      because: 'network shop_front is open to the outside',
    });
  });

  test('not if all its networks are internal, or it is on none', () => {
    expect(whyOutside(db)).toMatchObject({ allowed: false, because: 'all its networks are internal' });
    expect(whyOutside(service('a', 'b', {}))).toMatchObject({
      allowed: false,
      because: 'it is on no network',
    });
  });

  test('comes in by published ports only', () => {
    expect(whyFromOutside(reader).details).toEqual(['port 8080/tcp of every host leads to port 80']);
    expect(whyFromOutside(db)).toMatchObject({ allowed: false, because: 'it publishes no port' });
  });
});

test('networks are what services are on', () => {
  expect(networksOf([web, db, reader])).toEqual([
    { name: 'blog_default', internal: false, services: ['blog/reader'], stacks: ['blog'] },
    { name: 'shop_back', internal: true, services: ['shop/db', 'shop/web'], stacks: ['shop'] },
    { name: 'shop_front', internal: false, services: ['shop/web'], stacks: ['shop'] },
  ]);
});
