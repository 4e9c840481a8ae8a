import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { waitsOf } from '@gantry/model/fence';
import type { Node } from '@gantry/model/node';
import type { Store } from '../store/store.ts';
import type { NodeRegistry } from './registry.ts';
import type { Sessions } from './sessions.ts';

export interface WatchdogDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly registry: NodeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatMs: number;
  readonly fenceMs: number;
}

/** Heartbeats that may be missing before a node counts as silent; whether it is down, `node-health` decides. */
const missedBeats = 2.5;

/**
 * Tasks on a silent node that must never run twice may be made elsewhere after a time. Its session ends first: words of it
 * count again only once it has registered, which takes the note back.
 */
async function noteUnheard(deps: WatchdogDeps, node: Node, silence: number): Promise<void> {
  const { store, sessions, registry, fenceMs } = deps;
  const view = store.view();
  const waits = waitsOf(view.tasksOnNode(node.id), (id) => view.get('revision', id), fenceMs);
  const wait = waits.findLast((ms) => ms <= silence);
  if (wait === undefined || wait <= (node.unheardMs ?? 0)) return;
  sessions.end(node.id);
  deps.log.info('a node has surely stopped what must not run twice', { node: node.name, silence });
  await registry.setUnheard(node.id, wait, () => sessions.silence(node.id));
}

/** Notes on the nodes who is silent and who is heard again, twice a heartbeat. */
export function startWatchdog(deps: WatchdogDeps): () => void {
  let cancel: () => void = () => undefined;
  let stopped = false;
  const round = async (): Promise<void> => {
    for (const node of [...deps.store.view().all('node')]) {
      const silence = deps.sessions.silence(node.id);
      const silent = silence > missedBeats * deps.heartbeatMs;
      if (silent && node.silentSince !== undefined) await noteUnheard(deps, node, silence);
      if (silent === (node.silentSince !== undefined)) continue;
      deps.log.info(silent ? 'a node is silent' : 'a node is heard again', { node: node.name });
      await deps.registry.setSilence(node.id, silent ? silence : 0);
    }
  };
  const next = (): void => {
    cancel = deps.clock.after(deps.heartbeatMs / 2, () => {
      round()
        .catch((error: unknown) => deps.log.warn('silence could not be noted', { error: String(error) }))
        .finally(() => {
          if (!stopped) next();
        });
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
