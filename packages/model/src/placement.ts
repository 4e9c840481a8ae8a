import { parseConstraint } from './constraint.ts';
import type { Problem } from './rules.ts';

/**
 * Where the tasks of a service may and should run, besides its `constraints`. The hard part (`devices`, `maxPerNode`, `near`,
 * `apart`) is a task's own: another one means another revision. The soft part may change at any time and moves nothing.
 */
export interface Placement extends HardPlacement, SoftPlacement {}

export interface HardPlacement {
  /** Countable things of a host that each task takes: `{ gpu: 2 }`. */
  readonly devices: Readonly<Record<string, number>>;
  /** Tasks of the service on one host, at most. */
  readonly maxPerNode?: number;
  /** Services (`stack/service`) of which the host must have a task. */
  readonly near: readonly string[];
  /** Services of which the host must have none; holds in both directions. */
  readonly apart: readonly string[];
}

export interface SoftPlacement {
  /** Attributes to spread over evenly, the outermost first: `node.labels.zone`, `node.labels.rack`. Hosts come last, always. */
  readonly spread: readonly string[];
  /** Hosts that are liked better (or, below 0, worse); 100 is worth as much as one task of the service less on the host. */
  readonly prefer: readonly Preference[];
  /** Who is placed first when room is short: the higher one. */
  readonly priority: number;
  /** `takes`: its waiting tasks may stop those of lower priority that yield; `yields`: its own may be stopped so. Absent: neither. */
  readonly preempt?: Preempt;
}

export const preemptWords = ['takes', 'yields', 'both'] as const;
export type Preempt = (typeof preemptWords)[number];

/** True if the placement says so of this side of pre-emption. */
export function preempts({ preempt }: Pick<SoftPlacement, 'preempt'>, side: 'takes' | 'yields'): boolean {
  return preempt === side || preempt === 'both';
}

export interface Preference {
  readonly constraint: string;
  readonly weight: number;
}

export const defaultPlacement: Placement = {
  devices: {},
  near: [],
  apart: [],
  spread: [],
  prefer: [],
  priority: 0,
};

export const maxPriority = 1_000;
export const maxWeight = 1_000;

/** The part that a running task depends on. */
export function hardPart({ devices, maxPerNode, near, apart }: Placement): HardPlacement {
  return { devices, near, apart, ...(maxPerNode !== undefined && { maxPerNode }) };
}

/** The part that only new placements look at. */
export function softPart({ spread, prefer, priority, preempt }: Placement): SoftPlacement {
  return { spread, prefer, priority, ...(preempt && { preempt }) };
}

/** What is wrong with a placement, with paths below `placement`. */
export function placementProblems(placement: Placement): readonly Problem[] {
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `placement.${path}`, message });
  for (const [name, count] of Object.entries(placement.devices)) {
    if (!Number.isInteger(count) || count < 1)
      wrong(`devices.${name}`, `${name} must be a whole number above 0`);
  }
  const { maxPerNode, priority } = placement;
  if (maxPerNode !== undefined && (!Number.isInteger(maxPerNode) || maxPerNode < 1))
    wrong('maxPerNode', 'the most tasks a host must be a whole number above 0');
  if (!Number.isInteger(priority) || Math.abs(priority) > maxPriority)
    wrong('priority', `the priority must be a whole number from -${maxPriority} to ${maxPriority}`);
  placement.spread.forEach((attribute, index) => {
    const parsed = parseConstraint(`${attribute} exists`);
    if (typeof parsed === 'string') wrong(`spread.${index}`, parsed);
  });
  placement.prefer.forEach(({ constraint, weight }, index) => {
    const parsed = parseConstraint(constraint);
    if (typeof parsed === 'string') wrong(`prefer.${index}`, parsed);
    if (!Number.isInteger(weight) || weight === 0 || Math.abs(weight) > maxWeight)
      wrong(`prefer.${index}`, `a weight is a whole number from -${maxWeight} to ${maxWeight}, and not 0`);
  });
  for (const name of placement.near) {
    if (placement.apart.includes(name)) wrong('near', `${name} cannot be both near and apart`);
  }
  return problems;
}
