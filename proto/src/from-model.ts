import type * as model from '@gantry/model/assignment';
import type { BackendChange } from '@gantry/model/endpoint-change';
import type { NodeDescription, NodeNetwork } from '@gantry/model/node';
import type { ContainerSpec, PortSpec, ResolvedImage, ServiceSpec } from '@gantry/model/service';
import type { RegistryCredential } from '@gantry/model/registry';
import type { TaskStatus } from '@gantry/model/task';
import * as parts from './container-to-wire.ts';
import type * as agent from './gen/gantry/v1/agent.ts';
import { TaskCommon } from './gen/gantry/v1/assignment.ts';
import type { BackendChanges } from './gen/gantry/v1/rounds.ts';
import type * as encryption from './gen/gantry/v1/encryption.ts';
import type * as wire from './gen/gantry/v1/types.ts';
import { rolloutToWire } from './rollout.ts';
import { networkingFromModel } from './networking.ts';
import { healthToWire } from './supervision.ts';
import { placementFromModel } from './placement.ts';

/** Model to wire: every function is total and loses nothing (`to-model.ts` is the way back). */
export function port(value: PortSpec): wire.Port {
  return { ...value, hostIp: value.hostIp };
}

export function container(value: ContainerSpec): wire.Container {
  return {
    ...value,
    entrypoint: value.entrypoint && { args: [...value.entrypoint] },
    command: value.command && { args: [...value.command] },
    env: { ...value.env },
    capAdd: [...value.capAdd],
    capDrop: [...value.capDrop],
    tmpfs: [...value.tmpfs],
    labels: { ...value.labels },
    limits: { ...value.limits },
    reservations: { ...value.reservations },
    isolation: value.isolation && parts.isolation(value.isolation),
    tuning: value.tuning && parts.tuning(value.tuning),
    naming: value.naming && parts.naming(value.naming),
    volumes: (value.volumes ?? []).map(parts.volumeMount),
    contents: (value.contents ?? []).map((mount) => ({ ...mount })),
    health: value.health && healthToWire(value.health),
    logging: value.logging && { ...value.logging },
  };
}

export function serviceSpec(value: ServiceSpec): wire.ServiceSpec {
  return {
    stack: value.stack,
    name: value.name,
    mode:
      value.mode.kind === 'global'
        ? { $case: 'global', value: true }
        : { $case: 'replicas', value: value.mode.replicas },
    container: container(value.container),
    ports: value.ports.map(port),
    restart: { ...value.restart },
    constraints: [...value.constraints],
    ...rolloutToWire(value),
    labels: { ...value.labels },
    networking: value.networking && networkingFromModel(value.networking),
    placement: value.placement && placementFromModel(value.placement),
  };
}

export { networkingFromModel as networking } from './networking.ts';

export function image(value: ResolvedImage): wire.Image {
  return { ...value };
}

export function taskStatus(value: TaskStatus): wire.TaskStatus {
  return { ...value };
}

export function nodeDescription(value: NodeDescription): agent.NodeDescription {
  return { ...value, devices: { ...value.devices } };
}

export { heldVolumesToWire as heldVolumes } from './volumes.ts';

/** Encoded, for it is the same for many tasks. */
export function taskCommon(value: model.TaskCommon): Buffer {
  const { buffer, byteOffset, byteLength } = TaskCommon.encode({
    ...value,
    container: container(value.container),
    image: image(value.image),
    hostPorts: value.hostPorts.map(port),
    networking: networkingFromModel(value.networking),
  }).finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function peer(value: model.PeerAssignment): agent.Peer {
  const keys = (value.keys ?? []).map((key) => ({ ...key }));
  return { ...value, keys, sourceNat: value.sourceNat ?? false };
}

export function nodeNetwork(value: NodeNetwork): encryption.NodeNetwork {
  const { keys, encrypted, problem = '', sourceNat = false } = value;
  return { keys: keys.map((key) => ({ ...key })), encrypted, problem, sourceNat };
}

export function endpoint(value: model.EndpointAssignment): agent.Endpoint {
  return {
    ...value,
    ports: value.ports.map(port),
    backends: value.backends.map((backend) => ({ ...backend })),
    idle: [...value.idle],
    networking: networkingFromModel(value.networking),
  };
}

export function backendChange(value: BackendChange): BackendChanges {
  return {
    serviceId: value.serviceId,
    put: value.put.map((backend) => ({ ...backend })),
    removed: [...value.removed],
    idle: [...value.idle],
    noLongerIdle: [...value.noLongerIdle],
  };
}

export function registryCredential(value: RegistryCredential): wire.RegistryCredential {
  return { ...value };
}
