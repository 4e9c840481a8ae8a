import {
  contentKinds,
  newestOf,
  payloadId,
  type ContentKind,
  type ContentVersion,
} from '@gantry/model/content';
import type { Revision } from '@gantry/model/service';
import type { View, Write } from '../store/store.ts';
import { contentUses, useKey } from './content-uses.ts';
import type { Reconciler } from './reconciler.ts';

/** A version is made before the service that names it: for so long it may be without one, ms. */
export const unusedMs = 600_000;
/** Versions deleted at once: with their bytes they fit one transaction. What is left follows from the change. */
const mostAtOnce = 50;

/**
 * Prunes versions of configs and secrets that no revision names: nobody runs them, and no rollback goes back to them. The
 * newest stays as long as its name is used, so that numbers only grow, and for ever if a user made it by hand.
 */
export const contents: Reconciler = {
  name: 'contents',

  *keys(view) {
    for (const kind of contentKinds) for (const { name } of view.all(kind)) yield keyOf(kind, name);
  },

  *keysOf(change) {
    if (change.kind === 'revision') {
      yield* keysOfRevision(change.before);
      yield* keysOfRevision(change.after);
    } else if (change.kind === 'payload') {
      const payload = change.after ?? change.before;
      if (payload) yield keyOf(payload.of, payload.name);
    } else if (change.kind === 'config' || change.kind === 'secret') {
      const version = change.after ?? change.before;
      if (version) yield keyOf(change.kind, version.name);
    }
  },

  decide(view, key, { now }) {
    const [kind, name] = partsOf(key);
    const spare = spareOf(view, [...view.versionsOf(kind, name)]);
    const due = spare.filter(({ createdAt }) => createdAt + unusedMs <= now);
    const later = spare.filter(({ createdAt }) => createdAt + unusedMs > now);
    return {
      writes: due.slice(0, mostAtOnce).flatMap((version) => deletions(view, version)),
      ...(later.length > 0 && { wakeAt: Math.min(...later.map(({ createdAt }) => createdAt)) + unusedMs }),
    };
  },
};

/** Versions of one name that nobody needs, the oldest first. */
function spareOf(view: View, versions: readonly ContentVersion[]): readonly ContentVersion[] {
  const uses = view.derived(contentUses);
  const unused = versions.filter(({ kind, name, number }) => !uses.has(useKey(kind, name, number)));
  const newest = newestOf(versions);
  const keepsNewest = unused.length < versions.length || newest?.stack === undefined;
  return unused.filter((version) => !keepsNewest || version !== newest).sort((a, b) => a.number - b.number);
}

function deletions(view: View, version: ContentVersion): readonly Write[] {
  const payload = view.get('payload', payloadId(version));
  return [version, ...(payload ? [payload] : [])].map(({ kind, id, version: at }) => ({
    op: 'delete',
    kind,
    id,
    version: at,
  }));
}

function* keysOfRevision(revision: Revision | undefined): Iterable<string> {
  for (const { kind, source } of revision?.container.contents ?? []) yield keyOf(kind, source);
}

function keyOf(kind: ContentKind, name: string): string {
  return `${kind}/${name}`;
}

function partsOf(key: string): readonly [ContentKind, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash) === 'secret' ? 'secret' : 'config', key.slice(slash + 1)];
}
