import { createHash } from 'node:crypto';
import { GantryError } from '@gantry/kit/errors';
import { differences } from '@gantry/model/differences';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import type { View } from '../store/store.ts';
import type { Images } from './apply.ts';
import type { Step } from './writer.ts';

/**
 * The world that a plan of a stack read: which services the stack has, their specs and revisions, and the bytes behind the
 * names of the images that are asked for, and which versions of configs and secrets they would get. Hosts, tasks and other
 * stacks are no part of it.
 */
export function tokenOf(view: View, stack: string, images: Images, pins: readonly string[] = []): string {
  const services = [...view.servicesOfStack(stack)].map(({ spec, revisionId, removing }) =>
    // Paths in their order: the same spec gives the same words, whatever the order of its keys.
    JSON.stringify([spec.name, differences(undefined, spec), revisionId, removing]),
  );
  const digests = [...images].map(([ref, { digest }]) => `${ref} ${digest}`);
  return `${hash(services)}-${hash([...digests, ...pins])}`;
}

/** Throws `conflict`, and says which part of the world has changed. */
export function checkToken(
  token: string,
  view: View,
  stack: string,
  images: Images,
  pins: readonly string[] = [],
): void {
  const [specs, bytes] = tokenOf(view, stack, images, pins).split('-');
  const [knownSpecs, knownBytes, ...more] = token.split('-');
  if (knownBytes === undefined || more.length > 0)
    throw new GantryError('invalid', `"${token}" is no token of a plan`, { hint: 'gantry plan prints one' });
  const hint = 'plan again: gantry plan -f FILE';
  if (specs !== knownSpecs)
    throw new GantryError('conflict', `stack ${stack} has changed since the plan: nothing was applied`, {
      hint,
    });
  if (bytes !== knownBytes) {
    const what = 'an image, config or secret has other bytes, or the file names others, than in the plan';
    throw new GantryError('conflict', `${what}: nothing was applied`, { hint });
  }
}

/**
 * The same steps, and a write for each service of the stack that they leave alone: what the token was compared with is then
 * compared by the store, too, in the same transaction. Nothing to do stays nothing to do.
 */
export function touched(
  view: View,
  stack: string,
  steps: readonly Step<AppliedService>[],
): readonly Step<AppliedService>[] {
  const writes = steps.flatMap((step) => step.writes);
  const [first, ...others] = steps;
  if (writes.length === 0 || !first) return steps;
  const written = new Set(writes.map((write) => (write.op === 'put' ? write.object.id : write.id)));
  const same = [...view.servicesOfStack(stack)]
    .filter(({ id }) => !written.has(id))
    .map((object) => ({ op: 'put', object }) as const);
  return [{ ...first, writes: [...first.writes, ...same] }, ...others];
}

function hash(parts: readonly string[]): string {
  return createHash('sha256')
    .update([...parts].sort().join('\n'))
    .digest('hex')
    .slice(0, 16);
}
