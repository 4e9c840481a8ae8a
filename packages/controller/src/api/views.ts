import { networkingOf } from '@gantry/model/network';
import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import { boundTo, isTerminal, type Task } from '@gantry/model/task';
import * as fromModel from '@gantry/proto/from-model';
import type { NodeView, ServiceView, TaskView, UpdateView } from '@gantry/proto/gen/gantry/v1/control';
import type { View } from '../store/store.ts';
import { jobNote, jobView, updateNote, updateView } from './history.ts';

/** Objects as users see them: what the store holds, counted and put into words. */
export function serviceView(view: View, service: Service): ServiceView {
  const { spec } = service;
  const tasks = [...view.tasksOfService(service.id)];
  const running = tasks.filter((task) => task.desired === 'running' && isUp(view, task));
  const ready = running.filter(({ status }) => status.ready);
  const revision = view.get('revision', service.revisionId);
  const desired = service.removing ? 0 : desiredTasks(view, service);
  const upToDate = ready.filter(({ revisionId }) => revisionId === service.revisionId);
  const update = updateView(view, service, desired);
  const job = jobView(view, service);
  const own = upToDate.length >= desired && !service.removing ? '' : note(service, tasks);
  return {
    id: service.id,
    stack: spec.stack,
    name: spec.name,
    mode: spec.mode.kind,
    desired,
    running: running.length,
    ready: ready.length,
    upToDate: upToDate.length,
    image: spec.container.image,
    revision: revision?.number ?? 0,
    vip: service.vip ?? '',
    ports: (service.publishedPorts ?? spec.ports).map(fromModel.port),
    removing: service.removing,
    note: service.removing ? own : job ? jobNote(job) : notes(update, own),
    createdAt: service.createdAt,
    networking: fromModel.networking(networkingOf(spec)),
    update,
    job,
  };
}

/** The update says why it is as it is; on its way, a task that waits says what it waits for. */
function notes(update: UpdateView | undefined, own: string): string {
  const words = updateNote(update);
  if (words === '' || own === '' || own === beingMade || update?.state !== 'rolling' || update.back)
    return words === '' ? own : words;
  return `${words}; ${own}`;
}

/** For a global service: the nodes that have, or should have, a task. */
function desiredTasks(view: View, { id, spec }: Service): number {
  if (spec.mode.kind === 'replicated') return spec.mode.replicas;
  const nodes = new Set<string>();
  for (const task of view.tasksOfService(id)) if (task.desired === 'running') nodes.add(task.nodeId ?? '');
  return nodes.size;
}

/** Running on a host that is heard. */
function isUp(view: View, task: Task): boolean {
  return task.status.state === 'running' && view.get('node', task.nodeId ?? '')?.state !== 'down';
}

const beingMade = 'tasks are being made';

/** Why it is not as it should be: the newest task that waits or failed says it best. */
function note(service: Service, tasks: readonly Task[]): string {
  if (service.removing) return tasks.length === 0 ? 'being removed' : `being removed, ${tasks.length} left`;
  if (service.waiting !== undefined) return service.waiting;
  const failed = newest(tasks, ({ status }) => status.state === 'failed' || status.state === 'rejected');
  const waiting = newest(
    tasks,
    ({ desired, status }) => desired === 'running' && !isTerminal(status.state) && !status.ready,
  );
  if (waiting?.status.state === 'pending' && waiting.status.reason !== 'waiting for a place')
    return waiting.status.reason;
  if (failed && failed.revisionId === service.revisionId) {
    const count = service.restarts[String(failed.slot)]?.count ?? 1;
    return `${failed.status.reason}${count > 1 ? ` (${count} times)` : ''}`;
  }
  return waiting ? waiting.status.reason : beingMade;
}

/** The newest of some tasks; of two that were made at once, the one with the later id. */
function newest(tasks: readonly Task[], isMeant: (task: Task) => boolean): Task | undefined {
  let best: Task | undefined;
  for (const task of tasks) {
    const isNewer =
      !best || task.createdAt > best.createdAt || (task.createdAt === best.createdAt && task.id > best.id);
    if (isNewer && isMeant(task)) best = task;
  }
  return best;
}

export function taskView(view: View, task: Task): TaskView {
  const service = view.get('service', task.serviceId);
  const revision = view.get('revision', task.revisionId);
  const node = task.nodeId === undefined ? undefined : view.get('node', task.nodeId);
  const bound = boundTo(task) ?? '';
  return {
    id: task.id,
    stack: service?.spec.stack ?? '',
    service: service?.spec.name ?? '',
    slot: task.slot,
    serviceId: task.serviceId,
    nodeId: bound,
    node: view.get('node', bound)?.name ?? '',
    desired: task.desired,
    status: fromModel.taskStatus(statusSeen(task, node)),
    image: revision?.image.ref ?? '',
    revision: revision?.number ?? 0,
    createdAt: task.createdAt,
    run: task.run,
  };
}

/** What a host that is down last said of a task is not what is. */
function statusSeen(task: Task, node: Node | undefined): Task['status'] {
  if (task.makesWay !== undefined && task.status.state === 'shutdown')
    return { ...task.status, reason: task.makesWay };
  if (node?.state !== 'down' || isTerminal(task.status.state)) return task.status;
  return {
    ...task.status,
    ready: false,
    reason: `its host ${node.name} is down; last seen ${task.status.state}`,
  };
}

export function nodeView(view: View, node: Node): NodeView {
  const tasks = [...view.tasksOnNode(node.id)].filter(({ status }) => !isTerminal(status.state));
  const reserved = tasks.map(({ revisionId }) => view.get('revision', revisionId)?.container.reservations);
  return {
    id: node.id,
    name: node.name,
    state: node.state,
    availability: node.availability,
    address: node.description.address,
    subnet: node.subnet ?? '',
    cpuMillis: node.description.cpuMillis,
    memoryBytes: node.description.memoryBytes,
    reservedCpuMillis: sum(reserved.map((resources) => resources?.cpuMillis ?? 0)),
    reservedMemoryBytes: sum(reserved.map((resources) => resources?.memoryBytes ?? 0)),
    tasks: tasks.length,
    labels: { ...node.labels },
    reason: node.stateReason,
    agentVersion: node.description.agentVersion,
    arch: node.description.arch,
    pressure: node.pressure ?? '',
    networkProblem: node.network?.problem ?? '',
    encryption: node.network?.encrypted ? 'wireguard' : '',
    keyGeneration: node.network?.keys[0]?.generation ?? 0,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
