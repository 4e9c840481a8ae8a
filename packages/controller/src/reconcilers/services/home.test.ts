import { describe, expect, test } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { heldVolumes, volumesOf } from '@gantry/model/volume';
import { aContainer, aSpec } from '../../../../../tests/support/builders.ts';
import { ClusterModel } from '../../../../../tests/support/cluster-model.ts';
import { allocate } from '../allocate.ts';
import { nodeHealth } from '../node-health.ts';
import { reap } from '../reap.ts';
import { schedule } from '../schedule.ts';
import { services } from './services.ts';

const reconcilers = [nodeHealth, allocate, services, schedule, reap];

function db(replicas: number, more: Partial<ServiceSpec> = {}): ServiceSpec {
  const data = {
    kind: 'volume',
    source: 'shop_data',
    target: '/data',
    readOnly: false,
    noCopy: false,
    external: false,
  } as const;
  return aSpec({
    name: 'db',
    mode: { kind: 'replicated', replicas },
    container: aContainer({ volumes: [data] }),
    ...more,
  });
}

function cluster(nodes: readonly string[] = ['n1', 'n2', 'n3']): ClusterModel {
  const model = new ClusterModel(reconcilers);
  for (const node of nodes) model.addNode(node);
  model.settle();
  return model;
}

/** What agents tell: a host that has run a task has its volumes. */
function tellVolumes(model: ClusterModel): void {
  for (const node of [...model.view.all('node')]) {
    const names = [...model.view.tasksOnNode(node.id)].flatMap(({ revisionId }) =>
      volumesOf(model.view.get('revision', revisionId)?.container ?? {}),
    );
    const held = [...(node.volumes?.held ?? []).map(({ name }) => name), ...names];
    if (held.length === 0) continue;
    const volumes = heldVolumes([...new Set(held)].map((name) => ({ name, createdAt: 0 })));
    model.setNode(node.id, { volumes });
  }
}

const hostsBySlot = (model: ClusterModel): ReadonlyMap<number, string | undefined> =>
  new Map(model.serving('db').map(({ slot, nodeId }) => [slot, nodeId]));
const waiting = (model: ClusterModel): readonly string[] =>
  model
    .tasks('db')
    .filter(({ nodeId, desired }) => nodeId === undefined && desired === 'running')
    .map(({ status }) => status.reason);

describe('a task with a named volume', () => {
  test('comes back to the host that has its data, each place to its own, after crashes and updates', () => {
    const model = cluster();
    model.apply('db', db(3));
    model.pass(6_000);
    tellVolumes(model);
    const homes = hostsBySlot(model);
    expect(new Set(homes.values()).size).toBe(3);
    for (const task of model.serving('db')) model.crash(task);
    model.pass(60_000);
    expect(hostsBySlot(model)).toEqual(homes);
    model.apply('db', db(3, { labels: { version: '2' } }));
    model.pass(120_000);
    expect(hostsBySlot(model)).toEqual(homes);
  });

  test('waits for a host that is lost, and says where its data is and what to do', () => {
    const model = cluster();
    model.apply('db', db(1));
    model.pass(6_000);
    tellVolumes(model);
    const home = hostsBySlot(model).get(1)!;
    model.killNode(home);
    model.pass(60_000);
    expect(hostsBySlot(model).size).toBe(0);
    expect(waiting(model)).toEqual([
      `its data (volume shop_data) is on ${home}: is down. To fit: bring ${home} back, or gantry node rm ${home}, which gives its data up`,
    ]);
    model.reviveNode(home);
    model.pass(60_000);
    expect(hostsBySlot(model).get(1)).toBe(home);
  });

  test('begins anew elsewhere once its host is forgotten', () => {
    const model = cluster();
    model.apply('db', db(1));
    model.pass(6_000);
    tellVolumes(model);
    const home = hostsBySlot(model).get(1)!;
    model.killNode(home);
    model.pass(60_000);
    model.removeNode(home);
    model.pass(60_000);
    expect(hostsBySlot(model).get(1)).toBeDefined();
    expect(hostsBySlot(model).get(1)).not.toBe(home);
  });

  test('of a service that was removed and is back goes where the volume is, also if that host is down', () => {
    const model = cluster();
    model.setNode('n2', { volumes: heldVolumes([{ name: 'shop_data', createdAt: 0 }]) });
    model.apply('db', db(1));
    model.pass(6_000);
    expect(hostsBySlot(model).get(1)).toBe('n2');
    model.removeService('db');
    model.pass(60_000);
    model.killNode('n2');
    model.pass(60_000);
    model.apply('db', db(1));
    model.pass(6_000);
    expect(waiting(model)[0]).toContain('its data (volume shop_data) is on n2: is down');
  });

  test('of a service that grows takes a host without data when the others have theirs', () => {
    const model = cluster();
    model.apply('db', db(1));
    model.pass(6_000);
    tellVolumes(model);
    model.apply('db', db(2));
    model.pass(60_000);
    expect(new Set(hostsBySlot(model).values()).size).toBe(2);
  });
});

describe('a task of a global service', () => {
  const each = (cpuMillis: number): ServiceSpec =>
    aSpec({ name: 'db', mode: { kind: 'global' }, container: aContainer({ reservations: { cpuMillis } }) });

  test('waits on a host that has no room for it, and says why, host by host', () => {
    const model = cluster();
    model.setNode('n2', { pressure: '97 % of the disk is used' });
    model.apply(
      'web',
      aSpec({
        name: 'web',
        mode: { kind: 'replicated', replicas: 1 },
        container: aContainer({ reservations: { cpuMillis: 3_500 } }),
      }),
    );
    model.settle();
    const busy = model.serving('web')[0]!.nodeId!;
    model.apply('db', each(1_000));
    model.pass(6_000);
    expect(model.serving('db')).toHaveLength(1);
    expect(waiting(model).toSorted()).toEqual(
      [
        'n2: DiskPressure: 97 % of the disk is used. To fit: free space on the disk of n2',
        `${busy}: cpu: 0.50 of 4.00 free, 1.00 needed. To fit: lower the cpu reservation from 1.00 to 0.50`,
      ].toSorted(),
    );
    model.removeService('web');
    const { pressure: _pressure, ...well } = model.view.get('node', 'n2')!;
    model.setNode('n2', { ...well, pressure: undefined as never });
    model.pass(6_000);
    expect(model.serving('db')).toHaveLength(3);
  });
});
