import type { Service } from '@gantry/model/service';
import type { Reconciler, Settings } from '../reconcilers/reconciler.ts';
import type { View, Write } from '../store/store.ts';
import { Forecast } from './forecast.ts';
import { lossesOf, type Loss } from './losses.ts';
import { Recorder, type Seen, type Step } from './record.ts';
import { standingOf, type Standing } from './rest.ts';

/** Nothing has happened to the services for this long, ms: nothing will. */
const stillMs = 2 * 3_600_000;

/** What follows from some writes. */
export interface Foretold {
  readonly steps: readonly Step[];
  /** By the service's id. */
  readonly seen: ReadonlyMap<string, Seen>;
  readonly standing: ReadonlyMap<string, Standing>;
  /** Why it does not come to rest, by the service's id. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly atRest: boolean;
  /** It was too much to look at: what is told is the beginning. */
  readonly cut: boolean;
  /** Until the last thing that happens, ms; by guesses at how long a start takes. */
  readonly lastsMs: number;
  readonly losses: readonly Loss[];
}

export interface ForetellOptions {
  readonly reconcilers: readonly Reconciler[];
  readonly settings: Settings;
  readonly now: number;
  /** Services that are looked at. */
  readonly wants: (service: Service) => boolean;
}

/** What would follow from the writes on the view as it is, and what one lost host would then mean. Yields often. */
export function* foretell(
  view: View,
  writes: readonly Write[],
  options: ForetellOptions,
): Generator<void, Foretold> {
  const recorder = new Recorder(view, options.wants);
  const forecast = new Forecast(view, {
    ...options,
    onChange: (...of) => recorder.take(...of),
  });
  const isOver = (now: View): boolean =>
    [...recorder.seen.keys()].every((id) => standingOf(now, now.get('service', id)).atRest) ||
    forecast.age - recorder.lastAt > stillMs;
  yield* forecast.run(writes, isOver);
  const { cut, view: after } = forecast;
  const ids = [...recorder.seen.keys()];
  const standing = new Map(ids.map((id) => [id, standingOf(after, after.get('service', id))]));
  const losses = cut ? [] : yield* lossesOf(forecast.sketch);
  return {
    steps: recorder.steps,
    seen: recorder.seen,
    standing,
    reasons: new Map(ids.flatMap((id) => reasonOf(after, id, standing.get(id)))),
    atRest: [...standing.values()].every(({ atRest }) => atRest),
    cut,
    lastsMs: recorder.lastAt,
    losses,
  };
}

function reasonOf(view: View, id: string, standing: Standing | undefined): readonly [string, string][] {
  const service = view.get('service', id);
  if (!service || standing?.atRest !== false) return [];
  const waits = [...view.tasksOfService(id)].find(
    ({ desired, status }) => desired === 'running' && !status.ready && status.state !== 'complete',
  );
  const update = service.update?.state === 'paused' ? service.update.reason : undefined;
  const run = service.job?.runs.at(-1);
  const reason = service.waiting ?? update ?? waits?.status.reason ?? run?.reason ?? 'it is on its way';
  return [[id, reason]];
}

/** `foretell` with the product's own decisions and the clock of who asks. */
export type Foretelling = (
  view: View,
  writes: readonly Write[],
  wants: (service: Service) => boolean,
) => Generator<void, Foretold>;
