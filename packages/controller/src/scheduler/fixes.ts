import { cores, mebibytes } from './amounts.ts';
import type { Requirement } from './requirement.ts';

/** What kind of change would make a host take a task, from the smallest to the biggest. */
export const fixKinds = [
  /** Let a host take tasks again. */
  'uncordon',
  /** Free space on a host's disk. */
  'disk',
  /** Ask for less cpu, memory or fewer devices. */
  'reserve less',
  /** Stop what holds a port of a host. */
  'port',
  /** Let a host have more tasks of the service. */
  'more per host',
  /** Give a host a label that a constraint asks for. */
  'label',
  /** Another service, or a rule about it. */
  'neighbours',
  /** Stop or move other tasks of a host. */
  'room',
  /** Bring a host back. */
  'host back',
  'add host',
] as const;

export type FixKind = (typeof fixKinds)[number];

/** One change that is in the hands of a user. */
export interface Fix {
  readonly kind: FixKind;
  /** What to do, as an order: `gantry node uncordon n3`, `lower the cpu reservation to 0.50`. */
  readonly words: string;
  /** Of two of a kind the smaller is less to change. */
  readonly amount: number;
}

/** Orders fixes, the smallest change first. */
export function smallerFix(a: Fix, b: Fix): number {
  return (
    fixKinds.indexOf(a.kind) - fixKinds.indexOf(b.kind) ||
    a.amount - b.amount ||
    (a.words < b.words ? -1 : a.words > b.words ? 1 : 0)
  );
}

/** How an amount is worded: what is said must not be more than there is. */
type Unit = readonly [step: number, say: (amount: number) => string];
export const units = {
  cpu: [10, cores],
  memory: [2 ** 20, mebibytes],
  devices: [1, String],
} as const satisfies Readonly<Record<string, Unit>>;

/** Ask for less if something is left, in whole `step`s; else others must go. `say` words an amount. */
export function lessOrRoom(what: string, needed: number, free: number, host: string, [step, say]: Unit): Fix {
  const left = Math.floor(Math.max(0, free) / step) * step;
  if (left > 0)
    return {
      kind: 'reserve less',
      words: `lower the ${what} reservation from ${say(needed)} to ${say(left)}`,
      amount: 1 - left / needed,
    };
  return { kind: 'room', words: `free ${say(needed)} ${what} on ${host}`, amount: needed };
}

/** The host that would take the task; undefined if no new host would, because it has to be near another service. */
export function addHost({ cpuMillis, memoryBytes, devices, revision, near }: Requirement): Fix | undefined {
  if (near.length > 0) return undefined;
  const parts = [
    ...(cpuMillis > 0 ? [`${cores(cpuMillis)} cpu`] : []),
    ...(memoryBytes > 0 ? [mebibytes(memoryBytes)] : []),
    ...devices.map(([name, count]) => `${count} ${name}`),
    ...revision.constraints,
  ];
  const words = parts.length === 0 ? 'add a host' : `add a host with ${parts.join(', ')}`;
  return { kind: 'add host', words, amount: 0 };
}
