import { meets, parseConstraint, valueOf } from '@gantry/model/constraint';
import type { Node } from '@gantry/model/node';
import { cores, mebibytes } from './amounts.ts';
import { lessOrRoom, units, type Fix } from './fixes.ts';
import type { Loads, NodeLoad } from './loads.ts';
import type { Requirement } from './requirement.ts';

/** One rule that a node must pass to take a task of one requirement. */
export interface Rule {
  /** About several hosts: `lack cpu (1.00 needed)`. The same whatever the tasks on them. */
  readonly label: string;
  /** Looks at the node only, not at its tasks. */
  readonly fixed: boolean;
  readonly refuses: (loads: Loads, slot: number) => boolean;
  /** About one host that it refuses: `cpu: 0.50 of 4.00 free, 1.00 needed`. */
  readonly why: (loads: Loads, slot: number) => string;
  /** What would make the host pass, if that is in the hands of a user. */
  readonly fix?: (loads: Loads, slot: number) => Fix;
}

/** All filters in the order in which they are asked: the first refusal is the reason. Each names its rules for a requirement. */
const filters: readonly ((requirement: Requirement) => readonly Rule[])[] = [
  () => [
    ofNode(
      'are not ready',
      ({ state }) => state !== 'ready',
      ({ state }) => `is ${state}`,
      ({ name, state }) => fix('host back', state === 'down' ? `bring ${name} back` : `wait for ${name}`),
    ),
    // Not yet down, but a task placed there now would most likely be placed again in a few seconds.
    ofNode(
      'are silent',
      ({ state, silentSince }) => state === 'ready' && silentSince !== undefined,
      () => 'is silent',
      ({ name }) => fix('host back', `bring ${name} back`),
    ),
    ofNode(
      'are cordoned',
      ({ availability }) => availability === 'pause',
      () => 'is cordoned',
      ({ name }) => fix('uncordon', `gantry node uncordon ${name}`),
    ),
    ofNode(
      'are drained',
      ({ availability }) => availability === 'drain',
      () => 'is drained',
      ({ name }) => fix('uncordon', `gantry node uncordon ${name}`),
    ),
    ofNode('have no subnet', ({ subnet }) => subnet === undefined, () => 'has no subnet for its containers'),
    ofNode(
      'are under DiskPressure',
      ({ pressure }) => pressure !== undefined,
      ({ pressure }) => `DiskPressure: ${pressure ?? ''}`,
      ({ name }) => fix('disk', `free space on the disk of ${name}`),
    ),
  ],
  ({ revision }) => revision.constraints.map(constraint),
  ({ cpuMillis }) => (cpuMillis > 0 ? [cpu(cpuMillis)] : []),
  ({ memoryBytes }) => (memoryBytes > 0 ? [memory(memoryBytes)] : []),
  ({ devices }) => devices.map(([name, count]) => device(name, count)),
  ({ hostPorts }) => hostPorts.map(hostPort),
  ({ near }) =>
    near.map(({ name, id = '' }) =>
      ofServices(
        `have no task of ${name}`,
        (loads, slot) => loads.services.get(id, slot) === 0,
        () => fix('neighbours', `take ${name} out of placement.near`),
      ),
    ),
  ({ apart }) =>
    apart.map(({ name, id = '' }) =>
      ofServices(
        `have a task of ${name}`,
        (loads, slot) => loads.services.get(id, slot) > 0,
        (loads, slot) => fix('neighbours', `move ${name} off ${nameOf(loads, slot)}`),
      ),
    ),
  ({ maxPerNode, serviceId }) => (maxPerNode === undefined ? [] : [atMost(maxPerNode, serviceId)]),
]; // prettier-ignore

/** The rules of a requirement, those about the node only first in each filter. */
export function rulesOf(requirement: Requirement): readonly Rule[] {
  return filters.flatMap((filter) => filter(requirement));
}

/** Why this node cannot take the task, or undefined if it can. */
export function refusal({ loads, slot }: NodeLoad, requirement: Requirement): string | undefined {
  return rulesOf(requirement)
    .find((rule) => rule.refuses(loads, slot))
    ?.why(loads, slot);
}

function ofNode(
  label: string,
  refuses: (node: Node) => boolean,
  why: (node: Node) => string,
  change?: (node: Node) => Fix,
): Rule {
  const at = <T>(ask: (node: Node) => T, loads: Loads, slot: number, gone: T): T => {
    const node = loads.nodes[slot];
    return node ? ask(node) : gone;
  };
  return {
    label,
    fixed: true,
    refuses: (loads, slot) => at(refuses, loads, slot, true),
    why: (loads, slot) => at(why, loads, slot, 'is gone'),
    ...(change && {
      fix: (loads: Loads, slot: number) => at(change, loads, slot, fix('host back', 'bring it back')),
    }),
  };
}

function constraint(text: string): Rule {
  const parsed = parseConstraint(text);
  if (typeof parsed === 'string')
    return ofNode(
      `cannot tell: ${parsed}`,
      () => true,
      () => parsed,
    );
  const { attribute, operator, values } = parsed;
  const label = attribute.startsWith('node.labels.') ? attribute.slice('node.labels.'.length) : undefined;
  const canLabel = label !== undefined && ['==', 'in'].includes(operator);
  return ofNode(
    `do not meet ${text}`,
    (node) => !meets(node, parsed),
    (node) => `${text} is not met: it has ${valueOf(node, attribute) ?? 'none'}`,
    canLabel
      ? ({ name }) => fix('label', `gantry node label ${name} ${label}=${values[0] ?? ''}`)
      : undefined,
  );
}

function cpu(needed: number): Rule {
  return {
    label: `lack cpu (${cores(needed)} needed)`,
    fixed: false,
    refuses: (loads, slot) => needed > (loads.cpuFree[slot] ?? 0),
    why: (loads, slot) => {
      const [free, whole] = [loads.cpuFree[slot] ?? 0, loads.nodes[slot]?.description.cpuMillis ?? 0];
      return `cpu: ${cores(Math.max(0, free))} of ${cores(whole)} free, ${cores(needed)} needed`;
    },
    fix: (loads, slot) => lessOrRoom('cpu', needed, loads.cpuFree[slot] ?? 0, nameOf(loads, slot), units.cpu),
  };
}

function memory(needed: number): Rule {
  return {
    label: `lack memory (${mebibytes(needed)} needed)`,
    fixed: false,
    refuses: (loads, slot) => needed > (loads.memoryFree[slot] ?? 0),
    why: (loads, slot) => {
      const [free, whole] = [loads.memoryFree[slot] ?? 0, loads.nodes[slot]?.description.memoryBytes ?? 0];
      return `memory: ${mebibytes(Math.max(0, free))} of ${mebibytes(whole)} free, ${mebibytes(needed)} needed`;
    },
    fix: (loads, slot) =>
      lessOrRoom('memory', needed, loads.memoryFree[slot] ?? 0, nameOf(loads, slot), units.memory),
  };
}

function device(name: string, needed: number): Rule {
  const free = (loads: Loads, slot: number): number => loads.devicesFree.get(name)?.[slot] ?? 0;
  return {
    label: `lack ${name} (${needed} needed)`,
    fixed: false,
    refuses: (loads, slot) => needed > free(loads, slot),
    why: (loads, slot) => {
      const whole = loads.nodes[slot]?.description.devices?.[name] ?? 0;
      return `${name}: ${Math.max(0, free(loads, slot))} of ${whole} free, ${needed} needed`;
    },
    fix: (loads, slot) => lessOrRoom(name, needed, free(loads, slot), nameOf(loads, slot), units.devices),
  };
}

function hostPort(port: string): Rule {
  const reason = `host port ${port} is taken`;
  return {
    label: `have host port ${port} taken`,
    fixed: false,
    refuses: (loads, slot) => loads.ports.get(port, slot) > 0,
    why: () => reason,
    fix: (loads, slot) => fix('port', `free port ${port} on ${nameOf(loads, slot)}`),
  };
}

function ofServices(label: string, refuses: Rule['refuses'], change: NonNullable<Rule['fix']>): Rule {
  return { label, fixed: false, refuses, why: () => label.replace(/^have/, 'has'), fix: change };
}

function atMost(most: number, serviceId: string): Rule {
  return {
    label: `have ${most} tasks of the service, the most a host may have`,
    fixed: false,
    refuses: (loads, slot) => loads.services.get(serviceId, slot) >= most,
    why: (loads, slot) =>
      `has ${loads.services.get(serviceId, slot)} tasks of the service, and a host may have ${most}`,
    fix: () => fix('more per host', `raise max_replicas_per_node above ${most}`),
  };
}

function fix(kind: Fix['kind'], words: string): Fix {
  return { kind, words, amount: 1 };
}

function nameOf(loads: Loads, slot: number): string {
  return loads.nodes[slot]?.name ?? '';
}
