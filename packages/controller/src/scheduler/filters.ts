import { meets, parseConstraint, valueOf } from '@gantry/model/constraint';
import type { NodeLoad, Requirement } from './loads.ts';

/** A rule that a node must pass to take a task; answers with a reason in words if it does not. */
export interface Filter {
  readonly name: string;
  readonly refuse: (load: NodeLoad, requirement: Requirement) => string | undefined;
}

/** All rules, in the order in which they are asked; the first refusal is the reason. */
export const filters: readonly Filter[] = [
  { name: 'ready', refuse: ({ node }) => (node.state === 'ready' ? undefined : `is ${node.state}`) },
  // Not yet down, but a task placed there now would most likely be placed again in a few seconds.
  { name: 'heard', refuse: ({ node }) => (node.silentSince === undefined ? undefined : 'is silent') },
  { name: 'active', refuse: ({ node }) => availability[node.availability] },
  { name: 'subnet', refuse: ({ node }) => (node.subnet === undefined ? 'has no addresses yet' : undefined) },
  { name: 'constraints', refuse: constraints },
  { name: 'cpu', refuse: cpu },
  { name: 'memory', refuse: memory },
  { name: 'host port', refuse: hostPort },
];

/** Why this node cannot take the task, or undefined if it can. */
export function refusal(load: NodeLoad, requirement: Requirement): string | undefined {
  for (const filter of filters) {
    const reason = filter.refuse(load, requirement);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

const availability = { active: undefined, pause: 'is cordoned', drain: 'is drained' } as const;

function constraints({ node }: NodeLoad, { revision }: Requirement): string | undefined {
  for (const text of revision.constraints) {
    const constraint = parseConstraint(text);
    if (typeof constraint === 'string') return constraint;
    if (meets(node, constraint)) continue;
    return `${text} is not met: it has ${valueOf(node, constraint.attribute) ?? 'none'}`;
  }
  return undefined;
}

function cpu(load: NodeLoad, { cpuMillis }: Requirement): string | undefined {
  const free = load.node.description.cpuMillis - load.cpuMillis;
  if (cpuMillis === 0 || cpuMillis <= free) return undefined;
  const whole = cores(load.node.description.cpuMillis);
  return `cpu: ${cores(Math.max(0, free))} of ${whole} free, ${cores(cpuMillis)} needed`;
}

function memory(load: NodeLoad, { memoryBytes }: Requirement): string | undefined {
  const free = load.node.description.memoryBytes - load.memoryBytes;
  if (memoryBytes === 0 || memoryBytes <= free) return undefined;
  const whole = mebibytes(load.node.description.memoryBytes);
  return `memory: ${mebibytes(Math.max(0, free))} of ${whole} free, ${mebibytes(memoryBytes)} needed`;
}

function hostPort(load: NodeLoad, { hostPorts }: Requirement): string | undefined {
  const taken = hostPorts.find((port) => load.hostPorts.has(port));
  return taken === undefined ? undefined : `host port ${taken} is taken`;
}

function cores(millis: number): string {
  return (millis / 1_000).toFixed(2);
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
