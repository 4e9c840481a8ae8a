import type * as model from '@gantry/model/assignment';
import type { BackendChange } from '@gantry/model/endpoint-change';
import type { NodeDescription, NodeNetwork } from '@gantry/model/node';
import type {
  ContainerSpec,
  PortSpec,
  ResolvedImage,
  Resources,
  RestartPolicy,
  ServiceSpec,
} from '@gantry/model/service';
import type { RegistryCredential } from '@gantry/model/registry';
import { taskStates, type TaskStatus } from '@gantry/model/task';
import * as parts from './container-from-wire.ts';
import { defined } from './defined.ts';
import type * as agent from './gen/gantry/v1/agent.ts';
import { TaskCommon } from './gen/gantry/v1/assignment.ts';
import type { BackendChanges } from './gen/gantry/v1/rounds.ts';
import type * as encryption from './gen/gantry/v1/encryption.ts';
import type * as wire from './gen/gantry/v1/types.ts';
import { networkingToModel } from './networking.ts';
import { placementToModel } from './placement.ts';
import { rolloutToModel } from './rollout.ts';
import { present, word } from './words.ts';
import { healthToModel } from './supervision.ts';

const healthWords = ['starting', 'healthy', 'unhealthy'] as const;

export { networkingToModel as networking } from './networking.ts';
export { heldVolumesToModel as heldVolumes } from './volumes.ts';
export { WireError } from './words.ts';

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
      init: value.init,
      tty: value.tty,
      stdinOpen: value.stdinOpen,
      pullPolicy:
        value.pullPolicy === undefined
          ? undefined
          : word('container.pull_policy', value.pullPolicy, ['always', 'missing', 'never']),
      isolation: value.isolation && parts.isolation(value.isolation),
      tuning: value.tuning && parts.tuning(value.tuning),
      naming: value.naming && parts.naming(value.naming),
      volumes: value.volumes.length > 0 ? value.volumes.map(parts.volumeMount) : undefined,
      contents: value.contents.length > 0 ? value.contents.map(parts.contentMount) : undefined,
    }),
    image: value.image,
    env: value.env,
    readOnly: value.readOnly,
    capAdd: value.capAdd,
    capDrop: value.capDrop,
    tmpfs: value.tmpfs,
    stopGraceMs: value.stopGraceMs,
    labels: value.labels,
    limits: resources(value.limits),
    reservations: resources(value.reservations),
    ...(value.health && { health: healthToModel(value.health) }),
    ...(value.logging && { logging: { ...value.logging } }),
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
    ...rolloutToModel(value),
    labels: value.labels,
    ...(value.networking && { networking: networkingToModel(value.networking) }),
    ...(value.placement && { placement: placementToModel(value.placement) }),
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

export function registryCredential(value: wire.RegistryCredential): RegistryCredential {
  const { registry, username, password } = value;
  return { registry, username, password, ...defined({ identityToken: value.identityToken }) };
}

export function taskStatus(value: wire.TaskStatus): TaskStatus {
  return {
    state: word('status.state', value.state, taskStates),
    at: value.at,
    reason: value.reason,
    ready: value.ready,
    ...defined({ address: value.address, pid: value.pid, exitCode: value.exitCode, oom: value.oom }),
    ...(value.health !== undefined && { health: word('status.health', value.health, healthWords) }),
  };
}

export function nodeDescription({ devices, ...value }: agent.NodeDescription): NodeDescription {
  return { ...value, ...(Object.keys(devices).length > 0 && { devices }) };
}

export function taskAssignment(value: agent.TaskAssignment): model.TaskAssignment {
  const common = TaskCommon.decode(value.common);
  return {
    taskId: value.taskId,
    serviceId: common.serviceId,
    revisionId: common.revisionId,
    stack: common.stack,
    service: common.service,
    slot: value.slot,
    desired: word('task.desired', value.desired, ['running', 'shutdown']),
    container: container(present('task.container', common.container)),
    image: image(present('task.image', common.image)),
    hostPorts: common.hostPorts.map(port),
    networking: networkingToModel(present('task.networking', common.networking)),
    ...(common.fenceAfterMs !== undefined && { fenceAfterMs: common.fenceAfterMs }),
  };
}

export function peer({ keys, sourceNat, ...value }: agent.Peer): model.PeerAssignment {
  return {
    ...value,
    ...(keys.length > 0 && { keys: keys.map((key) => ({ ...key })) }),
    ...(sourceNat && { sourceNat }),
  };
}

export function nodeNetwork(value: encryption.NodeNetwork): NodeNetwork {
  const { keys, encrypted, problem, sourceNat } = value;
  return {
    keys: keys.map((key) => ({ ...key })),
    encrypted,
    ...(problem !== '' && { problem }),
    ...(sourceNat && { sourceNat }),
  };
}

export function encryptionAssignment(value: encryption.Encryption): model.EncryptionAssignment {
  return { ...value, mode: word('encryption.mode', value.mode, ['none', 'wireguard']) };
}

export function backendChange(value: BackendChanges): BackendChange {
  return value;
}

export function endpoint(value: agent.Endpoint): model.EndpointAssignment {
  return {
    serviceId: value.serviceId,
    stack: value.stack,
    service: value.service,
    vip: value.vip,
    ports: value.ports.map(port),
    backends: value.backends.map((backend) => ({ ...backend })),
    idle: value.idle,
    networking: networkingToModel(present('endpoint.networking', value.networking)),
  };
}
