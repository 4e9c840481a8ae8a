import { defaultPools } from '@gantry/model/addresses';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { AnyObject } from '@gantry/model/objects';
import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import { decodeRound } from '@gantry/proto/round';
import type { Round } from '@gantry/proto/gen/gantry/v1/rounds';
import * as toModel from '@gantry/proto/to-model';
import { aNode, aRevision, aService, aStatus, aTask, viewOf } from '../../../../tests/support/builders.ts';
import type { Change, Store } from '../store/store.ts';
import type { Tables } from '../store/tables.ts';
import { Feed } from './feed.ts';

/** A store in which a test writes what it likes. */
class OpenTables implements Store {
  readonly tables: Tables;
  #listener: (changes: readonly Change[]) => void = () => undefined;

  constructor(objects: readonly AnyObject[]) {
    this.tables = viewOf(objects);
  }

  put(...objects: readonly AnyObject[]): void {
    const changes = objects.flatMap((object) => {
      const version = ++this.tables.revision;
      return this.tables.apply(object.kind, object.id, { ...object, version }) ?? [];
    });
    this.#listener(changes);
  }

  view = (): Tables => this.tables;
  commit = (): never => {
    throw new Error('the feed writes nothing');
  };
  subscribe = (listener: (changes: readonly Change[]) => void): (() => void) => {
    this.#listener = listener;
    return () => undefined;
  };
  fenced = (): never => {
    throw new Error('the feed asks nothing');
  };
  reached = (): Promise<void> => Promise.resolve();
  close = (): Promise<void> => Promise.resolve();
}

const nodes = ['a', 'b', 'c'].map((id) => aNode({ id, name: id }));
const service: Service = aService({ id: 's', vip: '10.211.0.1' });
const revision = aRevision({ id: 's-r1', serviceId: 's' });
const serving: Task = aTask({
  id: 't',
  serviceId: 's',
  revisionId: 's-r1',
  nodeId: 'a',
  status: aStatus({ state: 'running', ready: true, address: '10.210.1.2' }),
});
const leaving: Task = { ...serving, desired: 'shutdown' };

let store: OpenTables;
let clock: VirtualClock;
let feed: Feed;
let leads: boolean;
let ended: string[];
let sent: Map<string, AssignmentsMessage[]>;

function begin(task: Task): void {
  store = new OpenTables([...nodes, service, revision, task]);
  clock = new VirtualClock();
  leads = true;
  feed = new Feed({
    store,
    clock,
    log: silentLogger,
    fenceMs: 30_000,
    pools: defaultPools,
    leads: () => leads,
  });
  sent = new Map();
  ended = [];
}

/** The node opens its stream; what it is sent is noted. */
async function follow(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const messages: AssignmentsMessage[] = [];
    sent.set(id, messages);
    feed.follow(id, {
      write: (message) => messages.push(message) > 0,
      onDrain: () => undefined,
      end: () => void ended.push(id),
    });
  }
  await clock.advance(0);
}

/** The last word to node `a` on what the task should do. */
function desired(): string | undefined {
  return sent
    .get('a')
    ?.flatMap(({ tasks }) => tasks)
    .at(-1)?.desired;
}

/** What the node was told last of services. */
function lastRound(id: string): Round | undefined {
  const round = sent.get(id)?.at(-1)?.rounds.at(-1);
  return round && decodeRound(round);
}

/** The node says that it has applied all it was sent. */
function applied(id: string): void {
  const last = sent.get(id)?.at(-1);
  expect(last?.acknowledge).toBe(true);
  feed.applied(id, last?.sequence ?? 0);
}

describe('a task that gets traffic and is to stop', () => {
  beforeEach(async () => {
    begin(serving);
    await follow('a', 'b', 'c');
    store.put(leaving);
    await clock.advance(0);
  });

  test('goes on until every host sends it nothing more', async () => {
    expect(lastRound('b')).toMatchObject({ changed: [{ serviceId: 's', removed: ['t'] }] });
    for (const id of ['a', 'b', 'c']) {
      expect(desired()).toBe('running');
      applied(id);
      await clock.advance(0);
    }
    expect(desired()).toBe('shutdown');
  });

  test('does not wait for a host that goes down', async () => {
    applied('a');
    applied('b');
    store.put({ ...nodes[2]!, state: 'down' });
    await clock.advance(0);
    expect(desired()).toBe('shutdown');
  });

  test('waits no longer than two seconds for a host that hangs', async () => {
    applied('a');
    applied('b');
    await clock.advance(1_999);
    expect(desired()).toBe('running');
    await clock.advance(1);
    expect(desired()).toBe('shutdown');
  });

  test('is ordered to stop at once when its host begins to by itself', async () => {
    store.put({ ...leaving, status: { ...leaving.status, ready: false, reason: 'stopping' } });
    await clock.advance(0);
    expect(desired()).toBe('shutdown');
  });

  test('counts a host that comes back with a whole set', async () => {
    applied('a');
    applied('b');
    await follow('c');
    applied('c');
    await clock.advance(0);
    expect(desired()).toBe('shutdown');
  });
});

test('a task that gets no traffic is stopped at once', async () => {
  const starting = { ...serving, status: aStatus({ state: 'starting' }) };
  begin(starting);
  await follow('a', 'b', 'c');
  store.put({ ...starting, desired: 'shutdown' });
  await clock.advance(0);
  expect(desired()).toBe('shutdown');
  expect(sent.get('b')?.some(({ acknowledge }) => acknowledge)).toBe(false);
});

test('a new leader holds what its predecessor may not have told to everybody', async () => {
  begin(leaving);
  await follow('a');
  expect(desired()).toBe('running');
  await follow('b', 'c');
  for (const id of ['a', 'b', 'c']) applied(id);
  await clock.advance(0);
  expect(desired()).toBe('shutdown');
});

test('a task hears of it when its service is on other networks, and others hear of the service', async () => {
  begin(serving);
  await follow('a', 'b');
  const networking = { networks: [], endpointMode: 'vip', affinity: 'none', expose: [], drainMs: 1 } as const;
  store.put({ ...store.tables.get('service', 's')!, spec: { ...service.spec, networking } });
  await clock.advance(0);
  const told = sent.get('a')?.at(-1)?.tasks[0];
  expect(told && toModel.taskAssignment(told).networking.drainMs).toBe(1);
  expect(lastRound('b')?.put[0]?.networking?.networks).toEqual([]);
});

test('how hosts speak with each other is told to each, first and when it changes; keys of one go to the others', async () => {
  begin(serving);
  await follow('a', 'b');
  expect(sent.get('a')?.[0]?.encryption).toBeUndefined();
  store.put({ kind: 'settings', id: 'cluster', version: 0, encryption: 'wireguard' });
  await clock.advance(0);
  expect(sent.get('a')?.at(-1)?.encryption).toEqual({ mode: 'wireguard', keyGeneration: 0 });
  await follow('c');
  expect(sent.get('c')?.[0]?.encryption).toEqual({ mode: 'wireguard', keyGeneration: 0 });
  const keys = [{ generation: 1, publicKey: 'k' }];
  store.put({ ...nodes[0]!, subnet: '10.210.1.0/24', keyGeneration: 2, network: { keys, encrypted: true } });
  await clock.advance(0);
  expect(sent.get('a')?.at(-1)?.encryption).toEqual({ mode: 'wireguard', keyGeneration: 2 });
  expect(lastRound('b')?.peers[0]?.keys).toEqual(keys);
});

test('a controller that may have been replaced gives no orders: it ends the streams', async () => {
  begin(serving);
  await follow('a');
  leads = false;
  store.put(leaving);
  await clock.advance(5_000);
  expect(desired()).toBe('running');
  expect(ended).toContain('a');
});

describe('rounds', () => {
  const many = Array.from({ length: 20 }, (_, index) => aNode({ id: `n${index}`, name: `n${index}` }));

  beforeEach(async () => {
    begin(serving);
    store.put(...many);
    await follow(...many.map(({ id }) => id));
    await clock.advance(1_000);
  });

  test('of many hosts are apart, and what changes meanwhile goes together', async () => {
    const before = sent.get('n1')?.length ?? 0;
    store.put(leaving);
    await clock.advance(0);
    for (const slot of [2, 3, 4]) store.put({ ...serving, id: `t${slot}`, slot });
    await clock.advance(19);
    expect(sent.get('n1')).toHaveLength(before + 1);
    await clock.advance(1);
    expect(sent.get('n1')).toHaveLength(before + 2);
    expect(lastRound('n1')?.changed[0]?.put.map(({ taskId }) => taskId)).toEqual(['t2', 't3', 't4']);
  });

  test('are told in one piece to a host whose wire was full', async () => {
    const messages: AssignmentsMessage[] = [];
    let drain: () => void = () => undefined;
    feed.follow('n1', {
      write: (one) => messages.push(one) < 0,
      onDrain: (fn) => (drain = fn),
      end: () => undefined,
    });
    await clock.advance(0);
    for (const slot of [2, 3]) {
      store.put({ ...serving, id: `t${slot}`, slot });
      await clock.advance(100);
    }
    expect(messages).toHaveLength(1);
    drain();
    await clock.advance(0);
    expect(messages.at(-1)?.rounds).toHaveLength(2);
  });

  test('an order that no endpoint shows waits for the hosts as well, and not for its time', async () => {
    store.put({ ...store.tables.get('service', 's')!, removing: true });
    await clock.advance(1_000);
    store.put({ ...leaving, desired: 'remove' });
    await clock.advance(0);
    await follow('a', 'b', 'c');
    for (const { id } of [...nodes, ...many]) applied(id);
    await clock.advance(0);
    expect(desired()).toBe('shutdown');
  });
});

test('a host is told the pools of the cluster with the complete set, and not again', async () => {
  begin(serving);
  await follow('a');
  store.put(leaving);
  await clock.advance(100);
  expect(sent.get('a')?.length).toBeGreaterThan(1);
  expect(sent.get('a')?.[0]).toMatchObject({ complete: true, pools: defaultPools });
  expect(
    sent
      .get('a')
      ?.slice(1)
      .every(({ pools }) => pools === undefined),
  ).toBe(true);
});
