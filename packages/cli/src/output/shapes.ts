import type {
  ImageView,
  NodeUsage,
  NodeView,
  ServiceView,
  TaskUsage,
  TaskView,
} from '@gantry/proto/gen/gantry/v1/control';
import type { Shape } from './output.ts';
import { printable } from './table.ts';
import { age, bytes, cores, ports } from './units.ts';

export function serviceShape(now: number): Shape<ServiceView> {
  return {
    header: ['SERVICE', 'READY', 'IMAGE', 'PORTS', 'AGE', 'NOTE'],
    row: (service) => [
      `${service.stack}/${service.name}`,
      readiness(service),
      service.image,
      ports(service.ports),
      age(service.createdAt, now),
      printable(service.note),
    ],
    wideHeader: ['MODE', 'REVISION', 'ADDRESS', 'ID'],
    wideRow: (service) => [service.mode, String(service.revision), service.vip, service.id],
    name: (service) => `${service.stack}/${service.name}`,
    empty: 'no services; `gantry apply -f compose.yaml` makes some',
  };
}

/** Of a job, the tasks that ended well in its newest run. */
function readiness({ job, ready, desired }: ServiceView): string {
  if (job) return `${job.run?.succeeded ?? 0}/${job.completions}`;
  return `${Math.min(ready, desired)}/${desired}`;
}

export function taskShape(now: number): Shape<TaskView> {
  return {
    header: ['TASK', 'NODE', 'STATE', 'AGE', 'ID', 'REASON'],
    row: (task) => [
      taskName(task),
      task.node === '' ? '-' : task.node,
      stateOf(task),
      age(task.status?.at ?? task.createdAt, now),
      task.id,
      printable(reasonOf(task)),
    ],
    wideHeader: ['IMAGE', 'REVISION', 'ADDRESS', 'PID'],
    wideRow: ({ image, revision, status }) => [
      image,
      String(revision),
      status?.address ?? '',
      String(status?.pid ?? ''),
    ],
    name: (task) => task.id,
    empty: 'no tasks',
  };
}

/** Nothing, where it only says the state again. */
function reasonOf({ status }: TaskView): string {
  const { state = '', health = '', reason = '' } = status ?? {};
  return reason === state || reason === `${state}, ${health}` ? '' : reason;
}

export function taskName({ stack, service, slot }: { stack: string; service: string; slot: number }): string {
  return slot === 0 ? `${stack}/${service}` : `${stack}/${service}.${slot}`;
}

function stateOf({ status, desired }: TaskView): string {
  const state = status?.state ?? '';
  if (state !== 'running') return state;
  if (desired !== 'running') return 'stopping';
  const health = status?.health;
  return health === undefined ? (status?.ready ? state : 'not ready') : `${state} (${health})`;
}

export const nodeShape: Shape<NodeView> = {
  header: ['NODE', 'STATE', 'AVAILABILITY', 'ADDRESS', 'TASKS', 'CPU', 'MEMORY', 'NOTE'],
  row: (node) => [
    node.name,
    node.pressure === '' ? node.state : `${node.state},DiskPressure`,
    node.availability,
    node.address,
    String(node.tasks),
    `${cores(node.reservedCpuMillis)}/${cores(node.cpuMillis)}`,
    `${bytes(node.reservedMemoryBytes)}/${bytes(node.memoryBytes)}`,
    node.state === 'ready'
      ? printable([node.pressure, node.networkProblem].filter(Boolean).join('; '))
      : node.reason,
  ],
  wideHeader: ['SUBNET', 'ENCRYPTION', 'KEY', 'ARCH', 'VERSION', 'ID'],
  wideRow: (node) => [
    node.subnet,
    node.encryption === '' ? 'none' : node.encryption,
    String(node.keyGeneration),
    node.arch,
    node.agentVersion,
    node.id,
  ],
  name: (node) => node.name,
  empty: 'no hosts have joined',
};

export function imageShape(now: number): Shape<ImageView> {
  return {
    header: ['IMAGE', 'SIZE', 'LOADED', 'DIGEST', 'USED BY'],
    row: (image) => [
      image.ref,
      bytes(image.sizeBytes),
      age(image.loadedAt, now),
      image.digest.slice(0, 19),
      image.usedBy.join(', '),
    ],
    name: (image) => image.ref,
    empty: 'no images are loaded; `gantry image load FILE` loads one',
  };
}

export const usageShape: Shape<NodeUsage> = {
  header: ['NODE', 'CPU', 'MEMORY', 'TASKS'],
  row: (usage) => [
    usage.node,
    `${cores(usage.cpuMillis)}/${cores(usage.cpuCapacityMillis)}`,
    `${bytes(usage.memoryBytes)}/${bytes(usage.memoryCapacityBytes)}`,
    String(usage.tasks.length),
  ],
  name: (usage) => usage.node,
  empty: 'no host has published its usage yet; is NATS running?',
};

export const taskUsageShape: Shape<TaskUsage & { readonly node: string }> = {
  header: ['TASK', 'NODE', 'CPU', 'MEMORY', 'PROCESSES'],
  row: (usage) => [
    usage.slot === 0 ? usage.service : `${usage.service}.${usage.slot}`,
    usage.node,
    cores(usage.cpuMillis),
    bytes(usage.memoryBytes),
    String(usage.pids),
  ],
  name: (usage) => usage.taskId,
  empty: 'no tasks run',
};
