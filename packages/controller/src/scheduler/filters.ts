import { meets, parseConstraint, valueOf } from '@gantry/model/constraint';
import type { Node } from '@gantry/model/node';
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
  readonly fix?: (loads: Loads, slot: number) => string;
}

/** All filters in the order in which they are asked: the first refusal is the reason. Each names its rules for a requirement. */
const filters: readonly ((requirement: Requirement) => readonly Rule[])[] = [
  () => [
    ofNode('are not ready', ({ state }) => state !== 'ready', ({ state }) => `is ${state}`),
    // Not yet down, but a task placed there now would most likely be placed again in a few seconds.
    ofNode('are silent', ({ silentSince }) => silentSince !== undefined, () => 'is silent'),
    ofNode(
      'are cordoned',
      ({ availability }) => availability === 'pause',
      () => 'is cordoned',
      ({ name }) => `gantry node uncordon ${name}`,
    ),
    ofNode(
      'are drained',
      ({ availability }) => availability === 'drain',
      () => 'is drained',
      ({ name }) => `gantry node uncordon ${name}`,
    ),
    ofNode('have no addresses yet', ({ subnet }) => subnet === undefined, () => 'has no addresses yet'),
  ],
  ({ revision }) => revision.constraints.map(constraint),
  ({ cpuMillis }) => (cpuMillis > 0 ? [cpu(cpuMillis)] : []),
  ({ memoryBytes }) => (memoryBytes > 0 ? [memory(memoryBytes)] : []),
  ({ devices }) => devices.map(([name, count]) => device(name, count)),
  ({ hostPorts }) => hostPorts.map(hostPort),
  ({ near }) =>
    near.map(({ name, id = '' }) =>
      ofServices(`have no task of ${name}`, (loads, slot) => loads.services.get(id, slot) === 0),
    ),
  ({ apart }) =>
    apart.map(({ name, id = '' }) =>
      ofServices(`have a task of ${name}`, (loads, slot) => loads.services.get(id, slot) > 0),
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
  fix?: (node: Node) => string,
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
    ...(fix && { fix: (loads: Loads, slot: number) => at(fix, loads, slot, '') }),
  };
}

function constraint(text: string): Rule {
  const parsed = parseConstraint(text);
  if (typeof parsed === 'string') return ofNode(`cannot tell: ${parsed}`, () => true, () => parsed); // prettier-ignore
  const { attribute, operator, values } = parsed;
  const label = attribute.startsWith('node.labels.') ? attribute.slice('node.labels.'.length) : undefined;
  const canLabel = label !== undefined && ['==', 'in'].includes(operator);
  return ofNode(
    `do not meet ${text}`,
    (node) => !meets(node, parsed),
    (node) => `${text} is not met: it has ${valueOf(node, attribute) ?? 'none'}`,
    canLabel ? ({ name }) => `gantry node label ${name} ${label}=${values[0] ?? ''}` : undefined,
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
    fix: (loads, slot) => `reserve or free ${cores(needed - Math.max(0, loads.cpuFree[slot] ?? 0))} cores`,
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
    fix: (loads, slot) => `free ${mebibytes(needed - Math.max(0, loads.memoryFree[slot] ?? 0))} of memory`,
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
    fix: (loads, slot) => `free ${needed - Math.max(0, free(loads, slot))} ${name}`,
  };
}

function hostPort(port: string): Rule {
  const reason = `host port ${port} is taken`;
  return {
    label: `have host port ${port} taken`,
    fixed: false,
    refuses: (loads, slot) => loads.ports.get(port, slot) > 0,
    why: () => reason,
  };
}

function ofServices(label: string, refuses: Rule['refuses']): Rule {
  return { label, fixed: false, refuses, why: () => label.replace(/^have/, 'has') };
}

function atMost(most: number, serviceId: string): Rule {
  return {
    label: `have ${most} tasks of the service, the most a host may have`,
    fixed: false,
    refuses: (loads, slot) => loads.services.get(serviceId, slot) >= most,
    why: (loads, slot) =>
      `has ${loads.services.get(serviceId, slot)} tasks of the service, and a host may have ${most}`,
    fix: () => `raise max_replicas_per_node above ${most}`,
  };
}

function cores(millis: number): string {
  return (millis / 1_000).toFixed(2);
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
