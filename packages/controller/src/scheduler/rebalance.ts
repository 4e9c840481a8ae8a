import { valueOf } from '@gantry/model/constraint';
import { isFenced } from '@gantry/model/fence';
import { isMoving } from '@gantry/model/moves';
import type { Revision, Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { mustStopFirst, targetRevision } from '@gantry/model/update';
import { volumesOf } from '@gantry/model/volume';
import type { View } from '../store/store.ts';
import { clusterOf, type Cluster } from './cluster.ts';
import type { Requirement } from './requirement.ts';

/** A task that would be better off on another host. */
export interface Move {
  readonly task: Task;
  /** Ids of nodes. */
  readonly from: string;
  readonly to: string;
  /** In words: what is better afterwards. */
  readonly why: string;
  readonly gain: number;
}

export interface RebalanceOptions {
  readonly maxMoves: number;
  /** Services whose tasks may be moved. */
  readonly wants: (service: Service) => boolean;
  readonly now: number;
}

/** Places of tasks looked at for one move, those with the most to gain first. */
const mostLooks = 2_000;
/** What one task of the service less on a host weighs against one task of any kind less. */
const perSpread = 100;

/** Tasks of one revision on one host: alike, so one stands for all. */
interface Bunch {
  readonly task: Task;
  readonly slot: number;
  readonly requirement: Requirement;
}

/**
 * The moves that even out the cluster most, the best first, each as the real scheduler would place it after the ones
 * before. Each makes the cluster strictly more even, so asking again ends. What it counts on the loads meanwhile is taken
 * back. Never moves what cannot be replaced before it stops (host ports, stop-first, fenced), what has its data on its
 * host, what is not ready or on its way already, jobs, and global services.
 */
export function rebalance(view: View, options: RebalanceOptions): readonly Move[] {
  const cluster = view.derived(clusterOf);
  const counted: { readonly slot: number; readonly requirement: Requirement; readonly sign: 1 | -1 }[] = [];
  const count = (slot: number, requirement: Requirement, sign: 1 | -1): void => {
    cluster.loads.count(slot, requirement, sign);
    counted.push({ slot, requirement, sign });
  };
  const moves: Move[] = [];
  const taken = new Set<string>();
  try {
    while (moves.length < options.maxMoves) {
      const best = bestMove(cluster, movable(view, cluster, options, taken));
      if (!best) break;
      count(best.bunch.slot, best.bunch.requirement, -1);
      count(best.to, best.bunch.requirement, 1);
      taken.add(best.bunch.task.id);
      moves.push(moveOf(cluster, best));
    }
  } finally {
    for (const { slot, requirement, sign } of counted)
      cluster.loads.count(slot, requirement, sign === 1 ? -1 : 1);
  }
  return moves;
}

function movable(
  view: View,
  cluster: Cluster,
  { wants, now }: RebalanceOptions,
  taken: ReadonlySet<string>,
): readonly Bunch[] {
  const bunches = new Map<string, Bunch>();
  for (const service of view.all('service')) {
    const revision = view.get('revision', targetRevision(service));
    if (!revision || !wants(service) || !mayMove(service, revision)) continue;
    const requirement = cluster.requirement(revision);
    for (const task of view.tasksOfService(service.id)) {
      const slot = cluster.loads.slotOf(task.nodeId ?? '');
      if (slot === undefined || taken.has(task.id) || !isSettled(task, revision)) continue;
      if (isMoving(service.moves, task.id, now)) continue;
      bunches.set(`${revision.id} ${slot}`, { task, slot, requirement });
    }
  }
  return [...bunches.values()];
}

function mayMove({ spec, removing, hold, update }: Service, revision: Revision): boolean {
  return (
    !removing &&
    !spec.job &&
    spec.mode.kind === 'replicated' &&
    hold?.paused !== true &&
    (update === undefined || update.state === 'done') &&
    !isFenced(revision) &&
    volumesOf(revision.container).length === 0 &&
    !mustStopFirst(revision, spec.update?.order ?? 'auto')
  );
}

function isSettled({ desired, status, revisionId }: Task, { id }: Revision): boolean {
  return revisionId === id && desired === 'running' && status.ready && !isTerminal(status.state);
}

interface Found {
  readonly bunch: Bunch;
  readonly to: number;
  readonly spread: number;
  readonly load: number;
}

function bestMove(cluster: Cluster, bunches: readonly Bunch[]): Found | undefined {
  const least = Math.min(...openSlots(cluster).map((slot) => loadOf(cluster, slot)));
  const hopeful = bunches
    .map((bunch) => ({ bunch, bound: boundOf(cluster, bunch, least) }))
    .filter(({ bound }) => bound > 0)
    .sort((a, b) => b.bound - a.bound || (a.bunch.task.id < b.bunch.task.id ? -1 : 1))
    .slice(0, mostLooks);
  let best: Found | undefined;
  for (const { bunch, bound } of hopeful) {
    if (best && bound <= gainOf(best)) break;
    const found = lookAt(cluster, bunch);
    if (found && (!best || gainOf(found) > gainOf(best))) best = found;
  }
  return best;
}

/** More than any host could give. */
function boundOf(cluster: Cluster, { slot, requirement }: Bunch, least: number): number {
  const own = cluster.loads.services.get(requirement.serviceId, slot);
  const levels = 1 + requirement.soft.spread.length;
  const spread = Math.max(0, own - 1) * perSpread * levels;
  return spread + Math.max(0, loadOf(cluster, slot) - least - 1) + (levels > 1 ? perSpread : 0);
}

/** Where the scheduler puts the replacement, with the old task still there, as it will be; and what is better afterwards. */
function lookAt(cluster: Cluster, bunch: Bunch): Found | undefined {
  const { slot, requirement } = bunch;
  const nodeClass = cluster.classOf(requirement);
  nodeClass.turn(requirement);
  const to = nodeClass.best();
  if (to < 0 || to === slot) return undefined;
  const spread = spreadGain(cluster, bunch, to);
  const load = loadGain(cluster, bunch, to);
  const better = spread > 0 || (spread === 0 && load >= 1);
  return better ? { bunch, to, spread, load } : undefined;
}

/** How much more evenly the service is spread, over hosts and over each level that its file names. */
function spreadGain({ loads }: Cluster, { slot, requirement }: Bunch, to: number): number {
  const own = loads.services.of(requirement.serviceId);
  let gain = perSpread * ((own.get(slot) ?? 0) - (own.get(to) ?? 0) - 1);
  for (const attribute of requirement.soft.spread) {
    const valueAt = (at: number): string => (loads.nodes[at] && valueOf(loads.nodes[at], attribute)) ?? '';
    const [from, into] = [valueAt(slot), valueAt(to)];
    if (from === into) continue;
    let [before, after] = [0, 0];
    for (const [at, tasks] of own) {
      if (valueAt(at) === from) before += tasks;
      else if (valueAt(at) === into) after += tasks;
    }
    gain += perSpread * (before - after - 1);
  }
  return gain;
}

/** How much the sum of the squares of both loads falls, in tasks: 0 where the move only swaps the two hosts. */
function loadGain(cluster: Cluster, { slot, requirement }: Bunch, to: number): number {
  const [a, b] = [loadOf(cluster, slot), loadOf(cluster, to)];
  const [v, w] = [weightOf(cluster, slot, requirement), weightOf(cluster, to, requirement)];
  return (v * (2 * a - v) - w * (2 * b + w)) / (2 * Math.max(v, w));
}

/** What a task adds to the load of a host. */
function weightOf({ loads }: Cluster, slot: number, { cpuMillis, memoryBytes }: Requirement): number {
  const whole = loads.nodes[slot]?.description;
  const share = (part: number, of = 0): number => (of > 0 ? part / of : 0);
  return 1 + share(cpuMillis, whole?.cpuMillis) + share(memoryBytes, whole?.memoryBytes);
}

/** Tasks, and what share of cpu and memory is reserved: about how busy a host is. */
function loadOf({ loads }: Cluster, slot: number): number {
  const { cpuMillis = 0, memoryBytes = 0 } = loads.nodes[slot]?.description ?? {};
  const used = (free: number | undefined, whole: number): number => (whole > 0 ? 1 - (free ?? 0) / whole : 0);
  const reserved = used(loads.cpuFree[slot], cpuMillis) + used(loads.memoryFree[slot], memoryBytes);
  return (loads.tasks[slot] ?? 0) + reserved;
}

function openSlots({ loads }: Cluster): readonly number[] {
  return loads.nodes.flatMap((node, slot) =>
    node?.state === 'ready' && node.availability === 'active' ? [slot] : [],
  );
}

function gainOf({ spread, load }: Found): number {
  return spread + load;
}

function moveOf({ loads }: Cluster, found: Found): Move {
  const { bunch, to, spread } = found;
  const [from, into] = [loads.nodes[bunch.slot], loads.nodes[to]];
  const words = (slot: number): string => String(loads.services.get(bunch.requirement.serviceId, slot));
  // The loads show how it is afterwards.
  const [left, there] = [words(bunch.slot), words(to)];
  const tasks = [loads.tasks[bunch.slot] ?? 0, loads.tasks[to] ?? 0];
  const why =
    spread > 0
      ? `more evenly spread: ${left} left on ${from?.name ?? ''}, ${there} on ${into?.name ?? ''}`
      : `${into?.name ?? ''} is less busy: ${tasks[0] ?? 0} tasks left on ${from?.name ?? ''}, ${tasks[1] ?? 0} there`;
  return { task: bunch.task, from: from?.id ?? '', to: into?.id ?? '', why, gain: gainOf(found) };
}
