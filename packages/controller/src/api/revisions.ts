import { hardPart } from '@gantry/model/placement';
import type { ResolvedImage, Revision, Service, ServiceSpec } from '@gantry/model/service';
import { needsNewRevision } from '@gantry/model/spec-change';
import { targetRevision } from '@gantry/model/update';
import type { View } from '../store/store.ts';

/** A revision of the spec, before it is written. */
export function newRevision(
  at: Pick<Revision, 'id' | 'serviceId' | 'number' | 'cause' | 'createdAt'>,
  spec: ServiceSpec,
  image: ResolvedImage,
): Revision {
  const { container, ports, constraints, ...settings } = spec;
  const placement = spec.placement && { placement: hardPart(spec.placement) };
  return {
    kind: 'revision',
    version: 0,
    ...at,
    container,
    image,
    ports,
    constraints,
    ...placement,
    settings,
  };
}

/** The whole spec of a revision. The number of replicas stays as it is now: how much is needed is no part of a version. */
export function specOf({ container, ports, constraints, settings }: Revision, now: ServiceSpec): ServiceSpec {
  return {
    ...(settings ?? now),
    container,
    ports,
    constraints,
    mode: modeOf(settings?.mode ?? now.mode, now.mode),
  };
}

function modeOf(then: ServiceSpec['mode'], now: ServiceSpec['mode']): ServiceSpec['mode'] {
  return then.kind === 'replicated' && now.kind === 'replicated' ? now : then;
}

/** Newest first. */
export function revisionsOf(view: View, { id }: Service): readonly Revision[] {
  return [...view.revisionsOfService(id)].sort((a, b) => b.number - a.number);
}

export function nextNumber(view: View, service: Service): number {
  return (revisionsOf(view, service)[0]?.number ?? 0) + 1;
}

/**
 * The revision that already is what the spec asks for, if tasks run it or ran it last and it did not fail: the one asked
 * for, or the good one that an update came from. Asking for a revision that failed is a new try.
 */
export function existingRevision(
  view: View,
  service: Service,
  spec: ServiceSpec,
  image: ResolvedImage,
): Revision | undefined {
  const { update } = service;
  const failed = update?.to === service.revisionId && (update.back || update.state === 'paused');
  const ids = [...(failed ? [] : [service.revisionId]), targetRevision(service), update?.stable];
  return ids
    .filter((id) => id !== undefined && !(failed && id === service.revisionId))
    .flatMap((id) => view.get('revision', id ?? '') ?? [])
    .find((revision) => !needsNewRevision(revision, spec, image));
}

/** The revision to go back to: the good one if the newest failed, else the one before. Undefined if there is none. */
export function previousRevision(view: View, service: Service): Revision | undefined {
  const target = targetRevision(service);
  const { update } = service;
  const under = update?.state !== 'done' && update?.to === service.revisionId ? update.stable : undefined;
  const before = target === service.revisionId ? under : target;
  const known =
    before === undefined || before === service.revisionId ? undefined : view.get('revision', before);
  const current = view.get('revision', service.revisionId);
  return known ?? revisionsOf(view, service).find(({ number }) => number < (current?.number ?? 0));
}
