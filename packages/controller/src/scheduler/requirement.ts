import { defaultPlacement, softPart, type SoftPlacement } from '@gantry/model/placement';
import type { Revision } from '@gantry/model/service';

/** What a task asks of a node; equal for all tasks of one revision. */
export interface Requirement {
  readonly serviceId: string;
  readonly revision: Revision;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Countable things, by name, in the order of their names. */
  readonly devices: readonly (readonly [name: string, count: number])[];
  /** Host-mode ports: `8080/tcp`. */
  readonly hostPorts: readonly string[];
  readonly maxPerNode?: number;
  /** Services of which the node must have a task. A name that no service has is met nowhere. */
  readonly near: readonly Other[];
  /** Services of which it must have none: those it names, and those that name it. */
  readonly apart: readonly Other[];
  readonly soft: SoftPlacement;
}

/** Another service, by its id if there is one of the name. */
export interface Other {
  readonly name: string;
  readonly id?: string;
}

/** What only the view around a revision knows. */
export interface Surroundings {
  readonly soft?: SoftPlacement;
  readonly near?: readonly Other[];
  readonly apart?: readonly Other[];
}

/** The requirement of a revision; without surroundings, as if it were the only service. */
export function requirementOf(revision: Revision, around: Surroundings = {}): Requirement {
  const { reservations } = revision.container;
  const { devices = {}, maxPerNode } = revision.placement ?? {};
  return {
    serviceId: revision.serviceId,
    revision,
    cpuMillis: reservations.cpuMillis ?? 0,
    memoryBytes: reservations.memoryBytes ?? 0,
    devices: Object.entries(devices).sort(([a], [b]) => (a < b ? -1 : 1)),
    hostPorts: revision.ports
      .filter(({ mode }) => mode === 'host')
      .map(({ published, protocol }) => `${published}/${protocol}`),
    ...(maxPerNode !== undefined && { maxPerNode }),
    near: around.near ?? [],
    apart: around.apart ?? [],
    soft: around.soft ?? softPart(defaultPlacement),
  };
}

/** Equal for requirements that every node answers alike; services that differ in nothing else share one order of nodes. */
export function classKey(requirement: Requirement): string {
  const { revision, cpuMillis, memoryBytes, devices, hostPorts, maxPerNode, soft } = requirement;
  const ids = (others: readonly Other[]): readonly string[] => others.map(({ id, name }) => id ?? name);
  return JSON.stringify([
    revision.constraints,
    cpuMillis,
    memoryBytes,
    devices,
    hostPorts,
    soft.spread,
    soft.prefer,
    ids(requirement.near),
    ids(requirement.apart),
    // Only this rule looks at the tasks of the service itself.
    maxPerNode === undefined ? 0 : [maxPerNode, requirement.serviceId],
  ]);
}
