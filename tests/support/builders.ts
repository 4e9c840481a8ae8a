import type { TaskAssignment } from '@gantry/model/assignment';
import { defaultNetworking } from '@gantry/model/network';
import { versionId, type ContentVersion } from '@gantry/model/content';
import type { Node } from '@gantry/model/node';
import type { AnyObject } from '@gantry/model/objects';
import {
  defaultRestart,
  defaultStopGraceMs,
  type ContainerSpec,
  type Revision,
  type Service,
  type ServiceSpec,
} from '@gantry/model/service';
import type { Task, TaskStatus } from '@gantry/model/task';
import { Tables } from '../../packages/controller/src/store/tables.ts';

/** Objects with sensible defaults, so that a test names only what it is about. */
const ids = { next: 1 };

/** An id that no other object of this test process has. */
export function anId(prefix = 'x'): string {
  return `${prefix}${String(ids.next++).padStart(12 - prefix.length, '0')}`;
}

/** A moment that tests start from, ms since the epoch. */
export const noon = 1_700_000_000_000;

export function aContainer(more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image: 'web:1',
    env: {},
    readOnly: false,
    capAdd: [],
    capDrop: [],
    tmpfs: [],
    stopGraceMs: defaultStopGraceMs,
    labels: {},
    limits: {},
    reservations: {},
    ...more,
  };
}

export function aSpec(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    stack: 'shop',
    name: anId('web'),
    mode: { kind: 'replicated', replicas: 1 },
    container: aContainer(),
    ports: [],
    restart: defaultRestart,
    constraints: [],
    labels: {},
    ...more,
  };
}

export function aService(more: Partial<Service> = {}): Service {
  const id = more.id ?? anId('s');
  return {
    kind: 'service',
    id,
    version: 0,
    spec: aSpec(),
    revisionId: `${id}-r1`,
    removing: false,
    restarts: {},
    createdAt: noon,
    ...more,
  };
}

export function aRevision(more: Partial<Revision> = {}): Revision {
  return {
    kind: 'revision',
    id: anId('r'),
    version: 0,
    serviceId: anId('s'),
    number: 1,
    container: aContainer(),
    image: { ref: 'web:1', digest: `sha256:${'a'.repeat(64)}`, source: 'loaded' },
    ports: [],
    constraints: [],
    createdAt: noon,
    ...more,
  };
}

export function aSecret(more: Partial<ContentVersion<'secret'>> = {}): ContentVersion<'secret'> {
  const { name = 'db', number = 1 } = more;
  const id = versionId(name, number);
  return { kind: 'secret', id, version: 0, name, number, size: 3, createdAt: noon, ...more };
}

export function aStatus(more: Partial<TaskStatus> = {}): TaskStatus {
  return { state: 'pending', at: noon, reason: 'waiting for a place', ready: false, ...more };
}

export function aTask(more: Partial<Task> = {}): Task {
  return {
    kind: 'task',
    id: anId('t'),
    version: 0,
    serviceId: 's',
    revisionId: 'r',
    slot: 1,
    desired: 'running',
    status: aStatus(),
    createdAt: noon,
    ...more,
  };
}

/** A task as its host is told of it. */
export function anAssignment(more: Partial<TaskAssignment> = {}): TaskAssignment {
  return {
    taskId: anId('t'),
    serviceId: 's',
    revisionId: 'r',
    stack: 'shop',
    service: 'web',
    slot: 1,
    desired: 'running',
    container: aContainer(),
    image: { ref: 'web:1', digest: 'sha256:0', source: 'loaded' },
    hostPorts: [],
    networking: defaultNetworking('shop'),
    ...more,
  };
}

export function aNode(more: Partial<Node> = {}): Node {
  const id = more.id ?? anId('n');
  return {
    kind: 'node',
    id,
    version: 0,
    name: id,
    availability: 'active',
    labels: {},
    description: {
      hostname: id,
      address: '10.209.0.11',
      os: 'linux',
      arch: 'amd64',
      cpuMillis: 4_000,
      memoryBytes: 8 * 2 ** 30,
      kernel: '6.1',
      agentVersion: '0.1.0',
      bootId: 'boot',
    },
    state: 'ready',
    stateReason: 'heartbeats arrive',
    subnet: '10.210.1.0/24',
    createdAt: noon,
    ...more,
  };
}

/** A view of just these objects. */
export function viewOf(objects: readonly AnyObject[]): Tables {
  const tables = new Tables();
  for (const object of objects) {
    tables.revision = Math.max(tables.revision + 1, object.version);
    tables.apply(object.kind, object.id, { ...object, version: tables.revision });
  }
  return tables;
}
