import { GantryError } from '@gantry/kit/errors';
import type { Revision, Service } from '@gantry/model/service';
import { same } from '@gantry/model/spec-change';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import type { View } from '../store/store.ts';
import { answer, unchanged } from './apply.ts';
import { check } from './checks.ts';
import { fullName, serviceNamed, servicesNamed } from './names.ts';
import { newRevision, nextNumber, previousRevision, revisionsOf, specOf } from './revisions.ts';
import { Writer, type Step, type WriterDeps } from './writer.ts';

export interface RolloutsDeps extends WriterDeps {
  readonly newId: () => string;
}

/** What users say of the way from one revision to another; the way itself is the reconcilers'. */
export class Rollouts {
  readonly #deps: RolloutsDeps;
  readonly #writer: Writer;

  constructor(deps: RolloutsDeps) {
    this.#deps = deps;
    this.#writer = new Writer(deps);
  }

  /** An earlier revision becomes what is asked for: its whole spec and its images, by their digests. */
  async rollback(
    name: string,
    to: number | undefined,
  ): Promise<{ service: AppliedService; revision: number }> {
    const [done] = await this.#writer.commit((view) => {
      const service = present(serviceNamed(view, name));
      const revision = chosen(view, service, to);
      const spec = specOf(revision, service.spec);
      check(spec.stack, [spec]);
      const same_ = service.revisionId === revision.id && same(spec, service.spec);
      const object: Service = { ...service, spec, revisionId: revision.id };
      // The revision as it is, too: one that is reaped in the same moment, with its secrets, makes a conflict.
      const writes = [put(object), put(revision)];
      const step = same_ ? unchanged(service) : { answer: answer(service, 'updated'), writes };
      return [{ answer: { service: step.answer, revision: revision.number }, writes: step.writes }];
    });
    if (!done) throw new GantryError('internal', 'nothing was rolled back');
    return done;
  }

  /** Every task is replaced, as in an update: a new revision that says the same. A job runs again. */
  restart(names: readonly string[]): Promise<readonly AppliedService[]> {
    return this.#writer.commit((view) => named(view, names).map((service) => this.#restarted(view, service)));
  }

  hold(names: readonly string[], paused: boolean): Promise<readonly AppliedService[]> {
    return this.#writer.commit((view) =>
      named(view, names).map((service) => {
        // Later than what it is about, whatever the clocks of two controllers say.
        const at = Math.max(this.#deps.clock.now(), (service.update?.at ?? 0) + 1);
        return { answer: answer(service, 'updated'), writes: [put({ ...service, hold: { paused, at } })] };
      }),
    );
  }

  #restarted(view: View, service: Service): Step<AppliedService> {
    const old = view.get('revision', service.revisionId);
    if (!old) throw new GantryError('internal', `${fullName(service)} has no revision`);
    const at = {
      id: this.#deps.newId(),
      serviceId: service.id,
      number: nextNumber(view, service),
      cause: 'restarted',
      createdAt: this.#deps.clock.now(),
    };
    const revision = newRevision(at, specOf(old, service.spec), old.image);
    return {
      answer: answer(service, 'updated'),
      writes: [put(revision), put({ ...service, revisionId: revision.id })],
    };
  }
}

function chosen(view: View, service: Service, to: number | undefined): Revision {
  const all = revisionsOf(view, service);
  if (to === undefined) {
    const previous = previousRevision(view, service);
    if (previous) return previous;
    throw new GantryError('not_found', `${fullName(service)} has no earlier revision to go back to`);
  }
  const revision = all.find(({ number }) => number === to);
  if (revision) return revision;
  const kept = all.map(({ number }) => number).join(', ');
  throw new GantryError('not_found', `${fullName(service)} has no revision ${to}`, {
    hint: `it has ${kept}`,
  });
}

function named(view: View, names: readonly string[]): readonly Service[] {
  return [...new Set(names.flatMap((name) => servicesNamed(view, name)))].map(present);
}

function present(service: Service): Service {
  if (!service.removing) return service;
  throw new GantryError('conflict', `${fullName(service)} is being removed`);
}

function put(object: Service | Revision): { readonly op: 'put'; readonly object: Service | Revision } {
  return { op: 'put', object };
}
