import type { ContentKind } from '@gantry/model/content';
import type { Revision, Service } from '@gantry/model/service';
import { targetRevision } from '@gantry/model/update';
import type { View } from '../store/store.ts';
import { fullName } from './names.ts';

/** Numbers of the versions that a revision names: a task has them, or a rollback may bring them back. */
export function neededVersions(view: View, kind: ContentKind, name: string): ReadonlySet<number> {
  return new Set(usesOf(view, kind, name).map(({ number }) => number));
}

/** Who names a version, for people: `shop/web`, or `shop/web (revision 3)` for one that it could only go back to. */
export function usersOf(view: View, kind: ContentKind, name: string, number?: number): readonly string[] {
  const users = usesOf(view, kind, name).filter((use) => number === undefined || use.number === number);
  return [
    ...new Set(users.map(({ revision }) => wordsOf(view.get('service', revision.serviceId), revision))),
  ].sort();
}

function wordsOf(service: Service | undefined, { id, number, serviceId }: Revision): string {
  if (!service) return serviceId;
  const current = id === service.revisionId || id === targetRevision(service);
  return current ? fullName(service) : `${fullName(service)} (revision ${number})`;
}

function usesOf(view: View, kind: ContentKind, name: string): { revision: Revision; number: number }[] {
  return [...view.all('revision')].flatMap((revision) =>
    (revision.container.contents ?? []).flatMap((mount) =>
      mount.kind === kind && mount.source === name && mount.number !== undefined
        ? [{ revision, number: mount.number }]
        : [],
    ),
  );
}
