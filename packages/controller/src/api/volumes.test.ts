import { expect, test } from 'vitest';
import { GantryError } from '@gantry/kit/errors';
import type { AnyObject } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import type { VolumeMount } from '@gantry/model/volume';
import type { VolumeResult } from '@gantry/proto/gen/gantry/v1/volume';
import {
  aContainer,
  aNode,
  aRevision,
  aService,
  aSpec,
  aStatus,
  aTask,
  noon,
  viewOf,
} from '../../../../tests/support/builders.ts';
import { volumeCalls, type VolumeDeps } from './volumes.ts';

const mount: VolumeMount = {
  kind: 'volume',
  source: 'shop_data',
  target: '/d',
  readOnly: false,
  noCopy: false,
  external: false,
};

function holder(id: string, names: readonly string[], more: Partial<Node> = {}): Node {
  const held = names.map((name) => ({ name, createdAt: noon }));
  return aNode({ id, name: id, volumes: { held, leftOut: 0 }, ...more });
}

/** A service of stack shop with one task on n1 that mounts shop_data. */
function shop(): readonly AnyObject[] {
  const container = aContainer({ volumes: [mount] });
  return [
    aService({ id: 's1', spec: aSpec({ name: 'db', container }) }),
    aRevision({ id: 'r1', serviceId: 's1', container }),
    aTask({
      id: 't1',
      serviceId: 's1',
      revisionId: 'r1',
      nodeId: 'n1',
      status: aStatus({ state: 'running' }),
    }),
  ];
}

/** The calls on these objects, and what the nodes were ordered; a node of `away` is not connected. */
function calls(objects: readonly AnyObject[], away: readonly string[] = []) {
  const orders: string[] = [];
  const view = viewOf(objects);
  const relay: VolumeDeps['relay'] = {
    volumes: (nodeId, { action, names }) => {
      if (away.includes(nodeId)) return Promise.reject(new GantryError('unreachable', 'not connected'));
      orders.push(`${nodeId}: ${action} ${names.join(' ')}`);
      return Promise.resolve(
        names.map((name): VolumeResult => ({ name, code: '', words: '', volume: undefined })),
      );
    },
  };
  const service = volumeCalls({ store: { view: () => view } as unknown as VolumeDeps['store'], relay });
  type Call = (call: never, done: (error: unknown, answer: unknown) => void) => void;
  const run = (call: unknown, request: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      (call as Call)({ request } as never, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  return { service, run, orders };
}

test('the list has one entry a name, with the nodes, the tasks that mount it, and nodes that are away', async () => {
  const objects = [
    ...shop(),
    holder('n1', ['shop_data']),
    holder('n2', ['shop_data', 'other'], { state: 'down' }),
  ];
  const { service, run } = calls(objects);
  expect(await run(service.listVolumes, {})).toMatchObject({
    volumes: [
      { name: 'other', copies: [{ node: 'n2', away: 'n2 is down' }] },
      {
        name: 'shop_data',
        copies: [
          { node: 'n1', away: '', usedBy: ['shop/db.1'] },
          { node: 'n2', away: 'n2 is down', usedBy: [] },
        ],
      },
    ],
  });
});

test('removing asks each node that holds it, and names the one that cannot be asked', async () => {
  const { service, run, orders } = calls([holder('n1', ['a', 'b']), holder('n2', ['a'])], ['n2']);
  const answer = await run(service.removeVolumes, { names: ['a', 'b'], nodes: [] });
  expect(orders).toEqual(['n1: remove a b']);
  expect(answer).toMatchObject({
    outcomes: [
      { node: 'n1', result: { name: 'a', code: '' } },
      { node: 'n1', result: { name: 'b', code: '' } },
      { node: 'n2', result: { name: 'a', code: 'unreachable', words: 'not connected' } },
    ],
  });
  await expect(run(service.removeVolumes, { names: ['b'], nodes: ['n2'] })).rejects.toMatchObject({
    details: 'there is no volume b on n2',
  });
});

test('pruning spares what a service names, and with all what a task uses', async () => {
  const objects = [...shop(), holder('n1', ['shop_data', 'gone']), holder('n2', ['shop_data'])];
  const { service, run, orders } = calls(objects);
  await run(service.pruneVolumes, { all: false, dryRun: true });
  expect(orders).toEqual([]);
  await run(service.pruneVolumes, { all: false, dryRun: false });
  expect(orders).toEqual(['n1: remove gone']);
  await run(service.pruneVolumes, { all: true, dryRun: false });
  expect(orders.slice(1)).toEqual(['n1: remove gone', 'n2: remove shop_data']);
});
