import { surelyStoppedAfterMs } from '@gantry/model/fence';
import type { View } from '../../store/store.ts';
import type { Settings } from '../reconciler.ts';
import { mayRunUnseen, type Place } from './places.ts';

/** Why a place stays empty although its host is lost, with its deadline; undefined if none does. */
export function unseenReason(
  view: View,
  places: readonly Place[],
  settings: Pick<Settings, 'fenceMs'>,
): string | undefined {
  for (const { tasks } of places) {
    const task = tasks.find((one) => mayRunUnseen(view, one, settings));
    const revision = task && view.get('revision', task.revisionId);
    const node = task && view.get('node', task.nodeId ?? '');
    if (!task || !revision || !node) continue;
    const wait = Math.ceil(surelyStoppedAfterMs(settings.fenceMs, revision.container.stopGraceMs) / 1_000);
    const slot = task.slot === 0 ? 'it' : `slot ${task.slot}`;
    return `${node.name} is cut off and may still run ${slot}, which must not run twice: another starts once it has been unheard for ${wait} s`;
  }
  return undefined;
}
