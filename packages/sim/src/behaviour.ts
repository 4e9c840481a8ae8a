import type { FakeScript } from '@gantry/agent/runtime/fake';

/** What a container does once it runs; the first word of its command, the rest in ms. */
export const behaviours = {
  serves: ['serve'],
  /** Ends with an error a while after its start. */
  crashes: ['crash', '700'],
  completes: ['complete', '1500'],
  /** Cannot be started. */
  broken: ['broken'],
  /** Takes its time to stop. */
  lingers: ['linger', '4000'],
  /** Heeds no signal but SIGKILL. */
  stubborn: ['stubborn'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Behaviour = keyof typeof behaviours;

/** The script of a container of the fake runtime, from its command; unknown commands serve. */
export const behaviourOf: FakeScript = ({ argv }) => {
  const [word, ms = '0'] = argv;
  switch (word) {
    case 'crash':
      return { exitsAfterMs: Number(ms), exitCode: 1 };
    case 'complete':
      return { exitsAfterMs: Number(ms), exitCode: 0 };
    case 'broken':
      return { fails: 'exec: "broken": no such file' };
    case 'linger':
      return { stopMs: Number(ms) };
    case 'stubborn':
      return { stopMs: Infinity };
    case undefined:
    default:
      return {};
  }
};
