import { changesInPlace } from './limits.ts';
import { changesFence } from './fence.ts';
import { same } from './same.ts';
import { defaultPlacement, hardPart, type HardPlacement } from './placement.ts';
import type { ContainerSpec, ResolvedImage, Revision, ServiceSpec } from './service.ts';

/**
 * True if what a task of the old revision runs differs from what the spec asks for now: then tasks are replaced. Labels of
 * the service, replicas and restart rules change nothing in a running task, and most limits are changed
 * while it runs.
 */
export function needsNewRevision(
  old: Revision | undefined,
  spec: ServiceSpec,
  image: ResolvedImage,
): boolean {
  if (!old || old.image.digest !== image.digest) return true;
  // The name of the image is of no account: its digest is.
  const [before, after] = [old.container, spec.container].map(withoutSource);
  if (!before || !after) return true;
  return (
    !changesInPlace(before, after) ||
    changesFence(old, spec) ||
    !same(hostPorts(old.ports), hostPorts(spec.ports)) ||
    !same(old.constraints, spec.constraints) ||
    !same(old.placement ?? nowhereElse, hardPart(spec.placement ?? defaultPlacement))
  );
}

const nowhereElse: HardPlacement = hardPart(defaultPlacement);
/** When the image was looked up makes no other container. */
function withoutSource({ pullPolicy: _policy, ...container }: ContainerSpec): ContainerSpec {
  return { ...container, image: '' };
}

/** Ingress ports belong to the service; only ports of mode `host` are a task's own. */
function hostPorts(ports: ServiceSpec['ports']): ServiceSpec['ports'] {
  return ports.filter(({ mode }) => mode === 'host');
}

export { same } from './same.ts';
