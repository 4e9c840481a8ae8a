import { versionId, type ContentKind } from '@gantry/model/content';
import type { Revision } from '@gantry/model/service';
import type { Derived } from '../store/store.ts';

/** How many revisions name each version, by `useKey`. */
type Uses = Map<string, number>;

/** What revisions need of configs and secrets, followed change by change: revisions are many, those that change few. */
export const contentUses: Derived<Uses> = {
  name: 'content-uses',

  build(view) {
    const uses: Uses = new Map();
    for (const revision of view.all('revision')) count(uses, revision, 1);
    return uses;
  },

  apply(uses, change) {
    if (change.kind !== 'revision') return;
    count(uses, change.before, -1);
    count(uses, change.after, 1);
  },
};

export function useKey(kind: ContentKind, name: string, number: number): string {
  return `${kind} ${versionId(name, number)}`;
}

function count(uses: Uses, revision: Revision | undefined, by: number): void {
  for (const { kind, source, number } of revision?.container.contents ?? []) {
    if (number === undefined) continue;
    const key = useKey(kind, source, number);
    const left = (uses.get(key) ?? 0) + by;
    if (left > 0) uses.set(key, left);
    else uses.delete(key);
  }
}
