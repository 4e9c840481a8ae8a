import { expect } from 'vitest';
import type { ServiceSpec } from '@gantry/model/service';
import { boundTo, isTerminal, mayBecome, type Task } from '@gantry/model/task';
import { allocate } from '../../packages/controller/src/reconcilers/allocate.ts';
import { nodeHealth } from '../../packages/controller/src/reconcilers/node-health.ts';
import { reap } from '../../packages/controller/src/reconcilers/reap.ts';
import { schedule } from '../../packages/controller/src/reconcilers/schedule.ts';
import { services } from '../../packages/controller/src/reconcilers/services/services.ts';
import type { Change, View } from '../../packages/controller/src/store/store.ts';
import { aContainer, aSpec } from './builders.ts';
import { ClusterModel } from './cluster-model.ts';

const reconcilers = [nodeHealth, allocate, services, schedule, reap];
/** Hosts that there may be; a cluster begins with the first three. */
export const nodeIds = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** `web` is plain, `edge` holds a host port (stop-first), `each` runs on every host. */
export function specOf(id: string, replicas: number): ServiceSpec {
  return aSpec({
    name: id,
    mode: id === 'each' ? { kind: 'global' } : { kind: 'replicated', replicas },
    container: aContainer({ reservations: { cpuMillis: 100 } }),
    ports: id === 'edge' ? [{ target: 80, published: 8080, protocol: 'tcp', mode: 'host' }] : [],
  });
}

/** What must hold at every single change. */
function lawful(change: Change, view: View): void {
  if (change.kind !== 'task') return;
  const { before, after } = change;
  if (before && after) {
    expect(mayBecome(before.status.state, after.status.state), 'states only go forward').toBe(true);
    if (before.nodeId !== undefined) expect(after.nodeId, 'a task never moves').toBe(before.nodeId);
    if (before.desired !== 'running') expect(after.desired, 'nothing is wanted again').not.toBe('running');
  }
  if (!before && after) atMostOne(after, view);
  if (before && !after) {
    const node = view.get('node', before.nodeId ?? '');
    const over = isTerminal(before.status.state) || !node || node.state === 'down';
    expect(over, 'a record goes only when nothing of the task can be left').toBe(true);
  }
}

/** A place has one live task of a revision, but for one that a drain is moving away. */
function atMostOne(task: Task, view: View): void {
  const twins = [...view.tasksOfService(task.serviceId)].filter(
    (other) =>
      other.slot === task.slot &&
      (task.slot > 0 || boundTo(other) === boundTo(task)) &&
      other.revisionId === task.revisionId &&
      other.desired === 'running' &&
      !isTerminal(other.status.state),
  );
  const staying = twins.filter(({ nodeId }) => {
    const node = view.get('node', nodeId ?? '');
    return nodeId === undefined || (node && node.state !== 'down' && node.availability !== 'drain');
  });
  expect(staying.length, 'one task a place').toBeLessThanOrEqual(1);
}

/** A cluster without hosts, every change of which must be lawful. */
export function emptyCluster(): ClusterModel {
  return new ClusterModel(reconcilers, lawful);
}

/** Three hosts that hold nothing. */
export function threeHosts(): ClusterModel {
  const cluster = emptyCluster();
  for (const node of nodeIds.slice(0, 3)) cluster.addNode(node);
  return cluster;
}

/** Three hosts and one service that serves. */
export function serving(id: string, replicas: number): ClusterModel {
  const cluster = threeHosts();
  cluster.settle();
  cluster.apply(id, specOf(id, replicas));
  // Long enough for every watch and window to be over.
  cluster.pass(700_000);
  expect(cluster.serving(id)).toHaveLength(id === 'each' ? 3 : replicas);
  return cluster;
}

/** Hosts that take tasks. */
function fit(cluster: ClusterModel): number {
  return [...cluster.view.all('node')].filter(
    ({ state, availability }) => state === 'ready' && availability === 'active',
  ).length;
}

/** Every service has what it asks for where it can be, and nothing else runs. */
export function expectAsWanted(cluster: ClusterModel): void {
  for (const service of cluster.view.all('service')) {
    const { mode } = service.spec;
    const wanted = mode.kind === 'global' ? fit(cluster) : mode.replicas;
    const possible = service.id === 'edge' ? Math.min(wanted, fit(cluster)) : wanted;
    const serving = cluster.serving(service.id);
    expect(serving.map(({ revisionId }) => revisionId)).toEqual(
      Array.from({ length: possible }, () => service.revisionId),
    );
    const places = serving.map(({ slot, nodeId }) => (slot === 0 ? nodeId : slot));
    expect(new Set(places).size).toBe(possible);
  }
  const wanted = [...cluster.view.all('service')].flatMap(({ id }) => cluster.serving(id).map((t) => t.id));
  expect([...cluster.containers.keys()].sort(), 'nothing else runs').toEqual(wanted.sort());
}
