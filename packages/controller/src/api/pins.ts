import { asGantryError, GantryError } from '@gantry/kit/errors';
import { newestOf, versionId, type ContentMount } from '@gantry/model/content';
import type { ServiceSpec } from '@gantry/model/service';
import type { View, Write } from '../store/store.ts';
import { contentKey, type Explain, type Pins } from './contents.ts';
import { FieldError } from './errors.ts';
import type { Step } from './writer.ts';

/**
 * The specs with the version of each config and secret that they name: that which was given, else the newest one. Throws
 * `not_found`, with the field, for a name without one.
 */
export function pinned(view: View, specs: readonly ServiceSpec[], pins: Pins): readonly ServiceSpec[] {
  return specs.map((spec) => {
    const { contents } = spec.container;
    if (!contents) return spec;
    const settled = contents.map((mount, index) => {
      const number = pins.get(contentKey(mount.kind, mount.source)) ?? newest(view, mount);
      if (number !== undefined) return { ...mount, number };
      throw new FieldError(`services.${spec.name}.contents.${index}`, missing(mount));
    });
    return { ...spec, container: { ...spec.container, contents: settled } };
  });
}

/** Says of an error about a config or secret where the first service names it. */
export function placedIn(specs: readonly ServiceSpec[]): Explain {
  return ({ kind, name }, error) => {
    for (const { name: service, container } of specs) {
      const index = (container.contents ?? []).findIndex((one) => one.kind === kind && one.source === name);
      if (index >= 0) return new FieldError(`services.${service}.contents.${index}`, asGantryError(error));
    }
    return error;
  };
}

/** What a plan reads of configs and secrets: which versions its services would get. */
export function pinWords(specs: readonly ServiceSpec[]): readonly string[] {
  const words = specs.flatMap(({ container }) =>
    (container.contents ?? []).map(({ kind, source, number = 0 }) => `${kind} ${versionId(source, number)}`),
  );
  return [...new Set(words)].sort();
}

/**
 * The same steps, which also write the versions that they name as they are: so that what is pruned in the same moment, or has
 * just been, makes a conflict and no service without its files.
 */
export function holdingVersions<Answer>(
  view: View,
  specs: readonly ServiceSpec[],
  steps: readonly Step<Answer>[],
): readonly Step<Answer>[] {
  const held = new Set<string>();
  return steps.map((step, index) => {
    if (step.writes.length === 0) return step;
    const fresh = (specs[index]?.container.contents ?? []).filter(({ kind, source, number = 0 }) => {
      const id = `${kind} ${versionId(source, number)}`;
      return !held.has(id) && held.add(id);
    });
    return { ...step, writes: [...step.writes, ...fresh.flatMap((mount) => hold(view, mount))] };
  });
}

function hold(view: View, { kind, source, number = 0 }: ContentMount): readonly Write[] {
  const object = view.get(kind, versionId(source, number));
  return object ? [{ op: 'put', object }] : [];
}

/** Throws `conflict` for a version that is not there (any more): it was pruned or removed in between. */
export function mustBeThere(view: View, specs: readonly ServiceSpec[]): void {
  for (const { container } of specs)
    for (const { kind, source, number = 0 } of container.contents ?? [])
      if (!view.get(kind, versionId(source, number)))
        throw new GantryError('conflict', `${kind} ${versionId(source, number)} has been removed meanwhile`, {
          hint: 'apply again',
        });
}

function newest(view: View, { kind, source }: ContentMount): number | undefined {
  return newestOf(view.versionsOf(kind, source))?.number;
}

function missing({ kind, source }: ContentMount): GantryError {
  return new GantryError('not_found', `there is no ${kind} ${source} in the cluster`, {
    hint: `make it: gantry ${kind} create ${source} FILE`,
  });
}
