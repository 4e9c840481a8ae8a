import type {
  EncryptionAssignment,
  EndpointAssignment,
  PeerAssignment,
  TaskAssignment,
  TaskCommon,
} from '@gantry/model/assignment';
import { inOrder, type Backend } from '@gantry/model/endpoint-change';
import { isFenced } from '@gantry/model/fence';
import { liveLimits, withLiveLimits } from '@gantry/model/limits';
import { networkingOf } from '@gantry/model/network';
import type { Node } from '@gantry/model/node';
import { same } from '@gantry/model/same';
import type { Service } from '@gantry/model/service';
import { settingsId } from '@gantry/model/settings';
import { isTerminal, type Task } from '@gantry/model/task';
import type { Change, View } from '../store/store.ts';

/** What a task has in common with others of its revision; undefined while service or revision are not there (any more). */
export function taskCommon(view: View, task: Task, fenceMs: number): TaskCommon | undefined {
  const service = view.get('service', task.serviceId);
  const revision = view.get('revision', task.revisionId);
  if (!service || !revision) return undefined;
  return {
    serviceId: service.id,
    revisionId: revision.id,
    stack: service.spec.stack,
    service: service.spec.name,
    container:
      task.revisionId === service.revisionId
        ? withLiveLimits(revision.container, liveLimits(service.spec.container))
        : revision.container,
    image: revision.image,
    hostPorts: revision.ports.filter(({ mode }) => mode === 'host'),
    networking: networkingOf(service.spec),
    ...(isFenced(revision) && { fenceAfterMs: fenceMs }),
  };
}

/** True if a service's spec gives its tasks other limits than before, which they get while they run. */
export function changesLimits({ before, after }: Change & { readonly kind: 'service' }): boolean {
  if (!before || !after || before.revisionId !== after.revisionId) return false;
  return !same(liveLimits(before.spec.container), liveLimits(after.spec.container));
}

/** An ended task is never begun again, also not by a host that lost its disk. */
export function desiredOnNode(task: Task): TaskAssignment['desired'] {
  return task.desired === 'running' && !isTerminal(task.status.state) ? 'running' : 'shutdown';
}

/** True if a step of a task may be another order to a host. All else that a host is told of a task is its service's. */
export function changesForHost(before: Task, after: Task): boolean {
  return before.nodeId !== after.nodeId || desiredOnNode(before) !== desiredOnNode(after);
}

/** A node as its peers reach it; undefined while it has no subnet. */
export function peerAssignment(node: Node): PeerAssignment | undefined {
  if (node.subnet === undefined) return undefined;
  const { keys = [], sourceNat } = node.network ?? {};
  const { id: nodeId, name, subnet } = node;
  return {
    nodeId,
    name,
    address: node.description.address,
    subnet,
    ...(keys.length > 0 && { keys }),
    ...(sourceNat && { sourceNat }),
  };
}

/** How this node should speak with the others; undefined while nobody has said: as it was before. */
export function encryptionAssignment(view: View, node: Node): EncryptionAssignment | undefined {
  const mode = view.get('settings', settingsId)?.encryption;
  return mode && { mode, keyGeneration: node.keyGeneration ?? 0 };
}

/** A service as every host balances it: only ready tasks that should run, on hosts that are not down. */
export function endpointAssignment(view: View, service: Service): EndpointAssignment | undefined {
  if (service.vip === undefined || service.removing) return undefined;
  const [backends, idle]: [Backend[], string[]] = [[], []];
  for (const task of view.tasksOfService(service.id)) {
    const { id, slot, status } = task;
    if (status.address === undefined || isTerminal(status.state)) continue;
    if (isBackend(view, task)) backends.push({ taskId: id, slot, address: status.address });
    else idle.push(status.address);
  }
  return {
    serviceId: service.id,
    stack: service.spec.stack,
    service: service.spec.name,
    vip: service.vip,
    ports: (service.publishedPorts ?? []).filter(({ mode }) => mode === 'ingress'),
    backends: backends.sort(inOrder),
    idle: idle.sort(),
    networking: networkingOf(service.spec),
  };
}

function isBackend(view: View, { desired, status, nodeId }: Task): boolean {
  if (desired !== 'running' || status.state !== 'running' || !status.ready) return false;
  return nodeId !== undefined && view.get('node', nodeId)?.state !== 'down';
}

/** Services whose endpoint a change may alter. */
export function* endpointsTouchedBy(change: Change, view: View): Iterable<string> {
  if (change.kind === 'service') yield change.id;
  else if (change.kind === 'task') {
    const { before, after } = change;
    if (facing(before) === facing(after)) return;
    const task = after ?? before;
    if (task) yield task.serviceId;
  } else if (change.kind === 'node' && change.before?.state !== change.after?.state) {
    for (const { serviceId } of view.tasksOnNode(change.id)) yield serviceId;
  }
}

/** True if the task was, until now, one that hosts send connections to, and is to stop. */
export function hasLeft({ before, after }: { readonly before?: Task; readonly after?: Task }): boolean {
  return before !== undefined && after !== undefined && isServing(before) && isLeaving(after);
}

/** True if the task is to stop, and its host has not begun to: it may still get traffic. */
export function isLeaving({ desired, status }: Task): boolean {
  return desired !== 'running' && status.state === 'running' && status.ready;
}

function isServing({ desired, status }: Task): boolean {
  return desired === 'running' && status.state === 'running' && status.ready;
}

/** What of a task its service's endpoint shows. */
function facing(task: Task | undefined): string {
  if (!task || isTerminal(task.status.state) || task.status.address === undefined) return '';
  return `${isServing(task) ? 'serves' : 'idle'} ${task.status.address} ${task.nodeId ?? ''}`;
}
