import type { Node, NodeState } from '@gantry/model/node';
import { isTerminal } from '@gantry/model/task';
import type { Change, View, Write } from '../store/store.ts';
import type { Decision, Env, Reconciler } from './reconciler.ts';
import { census, silence } from './silence.ts';

/** After this long on a node that is down, a task is given up, ms (SwarmKit: 24 h). */
export const orphanAfterMs = 86_400_000;

/** Tasks given up in one decision. */
const maxOrphans = 100;

/** Hosts that go down within this time of each other go "at once", ms. */
export const brakeWindowMs = 60_000;

/**
 * Declares nodes down after silence, and ready again. The brake: while more than half of the nodes fall silent at once,
 * none is declared down, because then it is sooner the network or this controller that fails than the hosts. A node that
 * has been down for longer than the window counts on neither side: it is an old loss, and the rest is the cluster.
 */
export const nodeHealth: Reconciler = {
  name: 'node-health',

  *keys(view) {
    for (const { id } of view.all('node')) yield id;
  },

  *keysOf(change, view) {
    if (change.kind === 'task') {
      // A task that ends up on a node that is down may have to be given up.
      const nodeId = (change.after ?? change.before)?.nodeId;
      if (nodeId !== undefined && view.get('node', nodeId)?.state === 'down') yield nodeId;
      return;
    }
    if (change.kind !== 'node') return;
    yield change.id;
    if (movesTheBrake(change)) yield* view.derived(silence).silent;
  },

  decide(view, key, env) {
    const node = view.get('node', key);
    if (!node) return { writes: [] };
    if (node.silentSince === undefined) return become(node, 'ready', 'heartbeats arrive');
    const downAt = node.silentSince + env.settings.silenceMs;
    if (node.state === 'down') return orphans(view, node, env);
    if (env.now < downAt) return { writes: [], wakeAt: downAt };
    const lostMs = env.settings.silenceMs + brakeWindowMs;
    const { silent, all, changesAt } = census(view.derived(silence), env.now, lostMs);
    if (silent * 2 > all) {
      const held = become(node, 'unknown', `silent, but so are ${silent} of ${all} hosts: nothing is moved`);
      return { ...held, ...(changesAt !== undefined && { wakeAt: changesAt }) };
    }
    return become(node, 'down', `silent for ${Math.round(env.settings.silenceMs / 1_000)} s`);
  },
};

function become(node: Node, state: NodeState, stateReason: string): Decision {
  if (node.state === state && node.stateReason === stateReason) return { writes: [] };
  const note = `${node.name} is ${state}: ${stateReason}`;
  return { writes: [{ op: 'put', object: { ...node, state, stateReason } }], note };
}

function orphans(view: View, node: Node, env: Env): Decision {
  const at = (node.silentSince ?? env.now) + orphanAfterMs;
  const held = [...view.tasksOnNode(node.id)].filter((task) => !isTerminal(task.status.state));
  if (held.length === 0) return { writes: [] };
  if (env.now < at) return { writes: [], wakeAt: at };
  const reason = `${node.name} has been down for 24 h`;
  const writes = held.slice(0, maxOrphans).map((task): Write => {
    const status = { ...task.status, state: 'orphaned', at: env.now, reason, ready: false } as const;
    return { op: 'put', object: { ...task, status } };
  });
  return { writes };
}

function movesTheBrake(change: Change): boolean {
  if (change.kind !== 'node') return false;
  const { before, after } = change;
  if (!before || !after) return true;
  return before.silentSince !== after.silentSince || (before.state === 'down') !== (after.state === 'down');
}
