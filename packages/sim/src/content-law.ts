import type { FakeContents } from '@gantry/agent/contents/fake';
import type { Change, View } from '@gantry/controller/store/store';
import { payloadId, versionId } from '@gantry/model/content';
import { vault } from './controller.ts';
import { Broken } from './laws.ts';

/** A task begins with the very bytes that its revision names. */
export function checkFiles(view: View, contents: Pick<FakeContents, 'files'>, taskId: string): void {
  const task = view.get('task', taskId);
  const revision = task && view.get('revision', task.revisionId);
  for (const { kind, source, number = 0, target } of revision?.container.contents ?? []) {
    const payload = view.get('payload', payloadId({ kind, name: source, number }));
    const found = contents.files.get(taskId)?.get(target);
    const bytes = payload && (kind === 'secret' ? vault.open(payload) : Buffer.from(payload.data, 'base64'));
    if (!bytes || !found || !bytes.equals(found))
      throw new Broken(
        `task ${taskId} was started without the bytes of ${kind} ${versionId(source, number)}`,
      );
  }
}

/** What a revision names can be had: it is neither missing when the revision is made nor deleted before it. */
export function checkKept(change: Change, view: View): void {
  if (change.kind === 'revision' && change.after && !change.before) {
    for (const { kind, source, number = 0 } of change.after.container.contents ?? [])
      if (!view.get(kind, versionId(source, number)))
        throw new Broken(
          `revision ${change.id} names ${kind} ${versionId(source, number)}, which is not there`,
        );
  }
  if (change.kind !== 'secret' || change.after || !change.before) return;
  const { name, number } = change.before;
  for (const { id, container } of view.all('revision'))
    if (container.contents?.some((mount) => mount.source === name && mount.number === number))
      throw new Broken(`secret ${change.id} was deleted while revision ${id} names it`);
}
