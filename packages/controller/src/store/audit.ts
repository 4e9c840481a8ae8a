import { kinds, type Kind } from '@gantry/model/objects';
import { keyOf, parseKey } from './codec.ts';
import type { Entry } from './log.ts';
import type { View } from './store.ts';

/** Revisions between two audits, at least. */
const fewestRevisions = 1_000;

/** A listing of the log, and what has happened since. */
export interface Listing {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** Keys that the watch has told deleted since before the listing: those it has may be gone by now. */
  readonly removed: ReadonlySet<string>;
}

export interface Difference {
  /** What the view holds in an older version, or not at all. */
  readonly behind: readonly Entry[];
  /** What the view holds though the log has it no more. */
  readonly left: readonly { readonly kind: Kind; readonly id: string }[];
}

/** Where a view that has reached the listing's revision differs from it. */
export function differenceOf(view: View, { entries, revision, removed }: Listing): Difference {
  const behind = entries.filter(({ key, version }) => {
    const parsed = parseKey(key);
    if (!parsed || removed.has(key)) return false;
    return (view.get(parsed.kind, parsed.id)?.version ?? 0) < version;
  });
  const listed = new Set(entries.map(({ key }) => key));
  const left = kinds.flatMap((kind) =>
    [...view.all(kind)].filter(({ id, version }) => version <= revision && !listed.has(keyOf(kind, id))),
  );
  return { behind, left };
}

/** An audit reads every object: it comes after as many revisions as there are tasks, so that it never is the greater work. */
export function auditIsDue(view: View, auditedAt: number): boolean {
  return view.revision - auditedAt >= Math.max(fewestRevisions, view.count('task'));
}
