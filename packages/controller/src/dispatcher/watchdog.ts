import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { waitsOf } from '@gantry/model/fence';
import type { NodeId } from '@gantry/model/ids';
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
  const { clock, heartbeatMs, log, registry, sessions, store } = deps;
  /** Ms that the node has not been heard, 0 while that is no silence. */
  const silentMs = (id: NodeId): number => {
    const ms = sessions.silence(id);
    return ms > missedBeats * heartbeatMs ? ms : 0;
  };
  const round = async (): Promise<void> => {
    const turned: NodeId[] = [];
    for (const node of [...store.view().all('node')]) {
      const ms = silentMs(node.id);
      if (ms > 0 && node.silentSince !== undefined) await noteUnheard(deps, node, ms);
      if (ms > 0 === (node.silentSince !== undefined)) continue;
      log.info(ms > 0 ? 'a node is silent' : 'a node is heard again', { node: node.name });
      turned.push(node.id);
    }
    await registry.setSilence(turned, silentMs);
  };
  const judge = (): void => {
    if (stopped) return;
    round()
      .catch((error: unknown) => log.warn('silence could not be noted', { error: String(error) }))
      .finally(() => {
        if (!stopped) next();
      });
  };
  const next = (): void => {
    // Not in the timer itself: after the thread was held long it is the first to run, before what came meanwhile is read.
    cancel = clock.after(heartbeatMs / 2, () => clock.soon(judge));
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
