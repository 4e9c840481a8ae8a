import type { Random } from '@gantry/kit/random';
import { seededRandom } from '@gantry/kit/random';
import type { Behaviour } from './behaviour.ts';

/** One thing that happens to a cluster. Hosts and controllers are named by number, from 0. */
export type Event =
  | {
      readonly do: 'apply';
      readonly service: string;
      readonly replicas: number | 'global';
      readonly behaviour: Behaviour;
      readonly version: number;
      readonly hostPort: boolean;
      /** Never twice at once. */
      readonly one: boolean;
      /** Keeps data in a named volume. */
      readonly volume: boolean;
      /** Reserves cpu, so that room is short; `takes` from those that `yields`. */
      readonly preempt: 'takes' | 'yields' | 'none';
      /** Has a secret, whose content follows from this; absent: none. */
      readonly secret?: number;
    }
  | { readonly do: 'scale'; readonly service: string; readonly replicas: number }
  | { readonly do: 'remove'; readonly service: string }
  /** Back to the revision before; the same again for every task; the way to the newest revision stops or goes on. */
  | { readonly do: 'rollback' | 'restart' | 'pause' | 'resume'; readonly service: string }
  | { readonly do: 'rebalance'; readonly moves: number }
  | { readonly do: 'availability'; readonly host: number; readonly to: 'active' | 'pause' | 'drain' }
  | { readonly do: 'power off' | 'power on'; readonly host: number }
  | { readonly do: 'disk fills' | 'disk is cleared'; readonly host: number }
  /** The agent dies at its n-th input or output from now, and comes back. */
  | { readonly do: 'crash agent'; readonly host: number; readonly after: number }
  | { readonly do: 'crash controller'; readonly controller: number; readonly after: number }
  /** The process stands still for so long, as by SIGSTOP; containers and guards go on. */
  | { readonly do: 'freeze'; readonly who: string; readonly ms: number }
  /** The controller is ended in order, and started again. */
  | { readonly do: 'restart controller'; readonly controller: number }
  /** A host and a controller, or a controller and etcd; `from` cannot be heard by `to`. */
  | { readonly do: 'cut' | 'heal'; readonly from: string; readonly to: string }
  | {
      readonly do: 'container ends';
      readonly host: number;
      readonly which: number;
      readonly exitCode: number;
    }
  | { readonly do: 'clock jumps'; readonly who: string; readonly ms: number }
  /** From now on views are this old, ms. */
  | { readonly do: 'watches lag'; readonly ms: number }
  | { readonly do: 'compact' }
  | { readonly do: 'leases end' };

export interface Step {
  /** Ms after the step before. */
  readonly wait: number;
  readonly event: Event;
}

/** All that decides what happens: the same history plays the same way each time. */
export interface History {
  readonly seed: number;
  readonly hosts: number;
  readonly controllers: number;
  readonly steps: readonly Step[];
}

const services = ['a', 'b', 'c'] as const;

/** A random mixture of everything, from a seed. */
export function randomHistory(seed: number): History {
  const random = seededRandom(seed * 7919 + 17);
  const hosts = 2 + Math.floor(random() * 3);
  const controllers = random() < 0.6 ? 2 : 1;
  const steps: Step[] = [
    { wait: 1_000, event: applied(random) },
    ...Array.from({ length: 4 + Math.floor(random() * 16) }, () => ({
      wait: waitOf(random),
      event: eventOf(random, hosts, controllers),
    })),
  ];
  return { seed, hosts, controllers, steps };
}

/** Often two things at once, sometimes long enough for a host to be declared down, rarely to have stopped all that runs alone. */
function waitOf(random: Random): number {
  const dice = random();
  if (dice > 0.97) return 20_000 + Math.floor(random() * 60_000);
  if (dice < 0.3) return Math.floor(random() * 30);
  if (dice < 0.8) return Math.floor(random() * 1_500);
  return Math.floor(random() * 9_000);
}

type Maker = (random: Random, hosts: number, controllers: number) => Event;

/** Kinds of events, each with its weight. */
const makers: readonly (readonly [weight: number, make: Maker])[] = [
  [6, applied],
  [3, (random) => ({ do: 'scale', service: pick(random, services), replicas: Math.floor(random() * 5) })],
  [1, (random) => ({ do: 'remove', service: pick(random, services) })],
  [
    2,
    (random) => ({
      do: pick(random, ['rollback', 'restart', 'pause', 'resume', 'resume'] as const),
      service: pick(random, services),
    }),
  ],
  [2, (random) => ({ do: 'rebalance', moves: 1 + below(random, 4) })],
  [
    2,
    (random, hosts) => ({
      do: 'availability',
      host: below(random, hosts),
      to: pick(random, ['active', 'pause', 'drain', 'active', 'drain']),
    }),
  ],
  [2, (random, hosts) => ({ do: 'power off', host: below(random, hosts) })],
  [2, (random, hosts) => ({ do: 'power on', host: below(random, hosts) })],
  [1, (random, hosts) => ({ do: 'disk fills', host: below(random, hosts) })],
  [1, (random, hosts) => ({ do: 'disk is cleared', host: below(random, hosts) })],
  [5, (random, hosts) => ({ do: 'crash agent', host: below(random, hosts), after: 1 + below(random, 60) })],
  [
    3,
    (random, _hosts, controllers) => ({
      do: 'crash controller',
      controller: below(random, controllers),
      after: 1 + below(random, 60),
    }),
  ],
  [
    1,
    (random, _hosts, controllers) => ({ do: 'restart controller', controller: below(random, controllers) }),
  ],
  [3, cutting('cut')],
  [4, cutting('heal')],
  [
    4,
    (random, hosts) => ({
      do: 'container ends',
      host: below(random, hosts),
      which: below(random, 8),
      exitCode: pick(random, [0, 1, 137]),
    }),
  ],
  [
    1,
    (random, hosts, controllers) => ({
      do: 'clock jumps',
      who: pick(random, [`n${1 + below(random, hosts)}`, `c${1 + below(random, controllers)}`]),
      ms: pick(random, [-20_000, -1_500, 1_500, 20_000]),
    }),
  ],
  [
    1,
    (random, hosts, controllers) => ({
      do: 'freeze',
      who: random() < 0.6 ? `n${1 + below(random, hosts)}` : `c${1 + below(random, controllers)}`,
      ms: pick(random, [400, 7_000, 30_000, 70_000]),
    }),
  ],
  [1, (random) => ({ do: 'watches lag', ms: pick(random, [0, 300, 2_500, 6_000]) })],
  [1, () => ({ do: 'compact' })],
  [1, () => ({ do: 'leases end' })],
];

const allWeight = makers.reduce((sum, [weight]) => sum + weight, 0);

function eventOf(random: Random, hosts: number, controllers: number): Event {
  let at = random() * allWeight;
  for (const [weight, make] of makers) {
    at -= weight;
    if (at < 0) return make(random, hosts, controllers);
  }
  return { do: 'compact' };
}

function applied(random: Random): Event {
  return {
    do: 'apply',
    service: pick(random, services),
    replicas: random() < 0.15 ? 'global' : 1 + below(random, 4),
    behaviour: pick(random, [
      'serves',
      'serves',
      'serves',
      'lingers',
      'crashes',
      'completes',
      'broken',
      'stubborn',
    ]),
    version: below(random, 3),
    hostPort: random() < 0.15,
    one: random() < 0.25,
    volume: random() < 0.2,
    preempt: pick(random, ['none', 'none', 'none', 'takes', 'yields'] as const),
    ...(random() < 0.3 && { secret: below(random, 3) }),
  };
}

function cutting(what: 'cut' | 'heal'): Maker {
  return (random, hosts, controllers) => {
    const controller = `c${1 + below(random, controllers)}`;
    const other = random() < 0.25 ? 'etcd' : `n${1 + below(random, hosts)}`;
    const [from, to] = random() < 0.5 ? [controller, other] : [other, controller];
    return { do: what, from, to };
  };
}

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
