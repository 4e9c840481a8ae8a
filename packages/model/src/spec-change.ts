import type { ResolvedImage, Revision, ServiceSpec } from './service.ts';

/**
 * True if what a task of the old revision runs differs from what the spec asks for now: then tasks are replaced. Labels of
 * the service, replicas and restart rules change nothing in a running task.
 */
export function needsNewRevision(
  old: Revision | undefined,
  spec: ServiceSpec,
  image: ResolvedImage,
): boolean {
  if (!old || old.image.digest !== image.digest) return true;
  const { image: _old, ...before } = old.container;
  const { image: _new, ...after } = spec.container;
  return (
    !same(before, after) ||
    !same(hostPorts(old.ports), hostPorts(spec.ports)) ||
    !same(old.constraints, spec.constraints)
  );
}

/** Ingress ports belong to the service; only ports of mode `host` are a task's own. */
function hostPorts(ports: ServiceSpec['ports']): ServiceSpec['ports'] {
  return ports.filter(({ mode }) => mode === 'host');
}

/** Deep equality of plain data, whatever the order of keys. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key]));
}
