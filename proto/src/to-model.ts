import type * as model from '@gantry/model/assignment';
import type { NodeDescription } from '@gantry/model/node';
import type {
  ContainerSpec,
  PortSpec,
  ResolvedImage,
  Resources,
  RestartPolicy,
  ServiceSpec,
} from '@gantry/model/service';
import { taskStates, type TaskStatus } from '@gantry/model/task';
import { defined } from './defined.ts';
import type * as agent from './gen/gantry/v1/agent.ts';
import type * as wire from './gen/gantry/v1/types.ts';

/** What a peer sent is not what the wire format allows; the message names the field. */
export class WireError extends Error {}

/** Wire to model: throws WireError on missing messages and on words that the model does not know. */
export function port(value: wire.Port): PortSpec {
  return {
    target: value.target,
    published: value.published,
    protocol: word('port.protocol', value.protocol, ['tcp', 'udp']),
    mode: word('port.mode', value.mode, ['ingress', 'host']),
    ...(value.hostIp !== undefined && { hostIp: value.hostIp }),
  };
}

export function container(value: wire.Container): ContainerSpec {
  return {
    ...defined({
      entrypoint: value.entrypoint?.args,
      command: value.command?.args,
      workingDir: value.workingDir,
      user: value.user,
      hostname: value.hostname,
      stopSignal: value.stopSignal,
    }),
    image: value.image,
    env: value.env,
    readOnly: value.readOnly,
    init: value.init,
    capAdd: value.capAdd,
    capDrop: value.capDrop,
    tmpfs: value.tmpfs,
    stopGraceMs: value.stopGraceMs,
    labels: value.labels,
    limits: resources(value.limits),
    reservations: resources(value.reservations),
  };
}

function resources(value: wire.Resources | undefined): Resources {
  return value ? defined({ ...value }) : {};
}

function restartPolicy(value: wire.RestartPolicy): RestartPolicy {
  return {
    condition: word('restart.condition', value.condition, ['none', 'on-failure', 'any']),
    delayMs: value.delayMs,
    maxDelayMs: value.maxDelayMs,
    windowMs: value.windowMs,
    ...(value.maxAttempts !== undefined && { maxAttempts: value.maxAttempts }),
  };
}

export function serviceSpec(value: wire.ServiceSpec): ServiceSpec {
  return {
    stack: value.stack,
    name: value.name,
    mode: mode(present('service.mode', value.mode)),
    container: container(present('service.container', value.container)),
    ports: value.ports.map(port),
    restart: restartPolicy(present('service.restart', value.restart)),
    constraints: value.constraints,
    labels: value.labels,
  };
}

function mode(value: NonNullable<wire.ServiceSpec['mode']>): ServiceSpec['mode'] {
  return value.$case === 'global' ? { kind: 'global' } : { kind: 'replicated', replicas: value.value };
}

export function image(value: wire.Image): ResolvedImage {
  return {
    ref: value.ref,
    digest: value.digest,
    source: word('image.source', value.source, ['loaded', 'registry']),
  };
}

export function taskStatus(value: wire.TaskStatus): TaskStatus {
  return {
    state: word('status.state', value.state, taskStates),
    at: value.at,
    reason: value.reason,
    ready: value.ready,
    ...defined({ address: value.address, pid: value.pid, exitCode: value.exitCode, oom: value.oom }),
  };
}

export function nodeDescription(value: agent.NodeDescription): NodeDescription {
  return { ...value };
}

export function taskAssignment(value: agent.TaskAssignment): model.TaskAssignment {
  return {
    taskId: value.taskId,
    serviceId: value.serviceId,
    revisionId: value.revisionId,
    stack: value.stack,
    service: value.service,
    slot: value.slot,
    desired: word('task.desired', value.desired, ['running', 'shutdown']),
    container: container(present('task.container', value.container)),
    image: image(present('task.image', value.image)),
    hostPorts: value.hostPorts.map(port),
  };
}

export function peer(value: agent.Peer): model.PeerAssignment {
  return { ...value };
}

export function endpoint(value: agent.Endpoint): model.EndpointAssignment {
  return {
    serviceId: value.serviceId,
    stack: value.stack,
    service: value.service,
    vip: value.vip,
    ports: value.ports.map(port),
    backends: value.backends.map((backend) => ({ ...backend })),
  };
}

function word<W extends string>(field: string, value: string, words: readonly W[]): W {
  const found = words.find((known) => known === value);
  if (found === undefined) throw new WireError(`${field} is "${value}"; known are ${words.join(', ')}`);
  return found;
}

function present<T>(field: string, value: T | undefined): T {
  if (value === undefined) throw new WireError(`${field} is missing`);
  return value;
}
