import type { Clock } from '@gantry/kit/clock';
import { specDifferences } from '@gantry/model/spec-differences';
import type { Service, ServiceSpec } from '@gantry/model/service';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import type { FieldChange, PlannedService, PlanResponse } from '@gantry/proto/gen/gantry/v1/plan';
import type { Foretold, Foretelling } from '../forecast/foretell.ts';
import type { View, Write } from '../store/store.ts';
import type { Apply, Images, Prepared, Wanted } from './apply.ts';
import { tokenOf } from './token.ts';

export interface PlanDeps {
  readonly clock: Clock;
  readonly foretell: Foretelling;
}

/** Steps that are told; of more, the number is. */
const mostSteps = 300;
/** A plan has the thread for so long before others get it, ms. */
const sliceMs = 10;

/** What applying would change, and what would follow from it. */
export async function plan(deps: PlanDeps, apply: Apply, wanted: Wanted): Promise<PlanResponse> {
  const prepared = await apply.prepare(wanted);
  const { view, images, pins, steps } = prepared;
  const changed = steps.filter(({ writes }) => writes.length > 0);
  const writes = steps.flatMap((step) => step.writes);
  const token = tokenOf(view, wanted.stack, images, pins);
  const before = new Map(
    steps.map(({ answer }) => [answer.serviceId, view.get('service', answer.serviceId)]),
  );
  const foretold = await atLeisure(
    deps.clock,
    deps.foretell(view, writes, ({ spec }) => spec.stack === wanted.stack),
  );
  return {
    services: steps.map(({ answer }) => plannedService(view, prepared, before, writes, answer, foretold)),
    steps: foretold.steps.slice(0, mostSteps).map((step) => ({ ...step, places: [...step.places] })),
    moreSteps: Math.max(0, foretold.steps.length - mostSteps),
    losses: foretold.losses.map(({ node, unfit }) => ({ node, unfit: unfit.map((one) => ({ ...one })) })),
    converges: foretold.atRest,
    outcome: outcomeOf(changed.length, foretold),
    lastsMs: foretold.lastsMs,
    token,
  };
}

/** Runs to the end, and lets others have the thread in between. */
async function atLeisure<T>(clock: Clock, work: Generator<void, T>): Promise<T> {
  for (let until = clock.monotonic() + sliceMs; ;) {
    const step = work.next();
    if (step.done) return step.value;
    if (clock.monotonic() < until) continue;
    await new Promise<void>((resolve) => clock.soon(resolve));
    until = clock.monotonic() + sliceMs;
  }
}

function plannedService(
  view: View,
  { images }: Pick<Prepared, 'images'>,
  before: ReadonlyMap<string, Service | undefined>,
  writes: readonly Write[],
  { serviceId: id, name, change }: AppliedService,
  { seen, standing, reasons }: Foretold,
): PlannedService {
  const was = before.get(id);
  const next = writes.flatMap((write) =>
    write.op === 'put' && write.object.id === id && write.object.kind === 'service' ? [write.object] : [],
  )[0];
  const of = seen.get(id);
  return {
    name,
    change,
    fields: change === 'updated' && was && next ? fieldsOf(view, was, next, images) : [],
    replacesTasks: was !== undefined && next !== undefined && next.revisionId !== was.revisionId,
    placed: [...(of?.placed ?? [])].map(([node, tasks]) => ({ node, tasks })),
    stopped: of?.stopped ?? 0,
    readyBefore: of?.readyBefore ?? 0,
    readyLowest: of?.lowest ?? 0,
    readyAfter: of?.ready ?? 0,
    desired: standing.get(id)?.desired ?? 0,
    reason: reasons.get(id) ?? '',
  };
}

function fieldsOf(view: View, was: Service, next: Service, images: Images): FieldChange[] {
  const digest = view.get('revision', was.revisionId)?.image.digest;
  const described = (spec: ServiceSpec, imageDigest: string | undefined) => ({
    ...spec,
    imageDigest,
  });
  const now = images.get(next.spec.container.image)?.digest;
  return specDifferences(described(was.spec, digest), described(next.spec, now)).map(
    ({ path, before, after }) => ({ path, before, after }),
  );
}

function outcomeOf(changes: number, { cut, atRest, lastsMs, reasons, seen }: Foretold): string {
  if (cut) return 'too much follows to be told to its end: this is its beginning';
  const [stuck] = reasons;
  const name = seen.get(stuck?.[0] ?? '')?.name ?? '';
  if (!atRest) return `it would not come up: ${name}: ${stuck?.[1] ?? 'something is on its way for ever'}`;
  if (changes === 0 && lastsMs === 0) return 'nothing to do';
  return `all of it would run after about ${Math.max(1, Math.round(lastsMs / 1_000))} s`;
}
