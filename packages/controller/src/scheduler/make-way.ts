import { preempts } from '@gantry/model/placement';
import type { Node } from '@gantry/model/node';
import { isTerminal, type Task } from '@gantry/model/task';
import type { View } from '../store/store.ts';
import { budgetOf } from './budget.ts';
import type { Cluster } from './cluster.ts';
import { refusal } from './filters.ts';
import { loadOf } from './loads.ts';
import type { Requirement } from './requirement.ts';

/** A task that is to stop so that one of higher priority fits. */
export interface MakingWay {
  readonly victim: Task;
  readonly taker: Task;
  readonly taking: Requirement;
}

/** Waiting tasks that are looked at, and hosts that each of them asks, in one go. */
const [mostTakers, mostHosts] = [20, 200];

/**
 * Which tasks make way for waiting ones of higher priority: only for services that take (`placement.preempt`), only of services that
 * yield and have a lower priority, and never more of a service than its update may change at once. For each taker the host with the
 * fewest victims, then the lowest priority; room that is becoming free already is counted first, so that nothing stops in vain.
 */
export function makeWay(view: View, cluster: Cluster, most: number): readonly MakingWay[] {
  if (cluster.takers === 0) return [];
  const plan = new Plan(view, cluster);
  let looked = 0;
  for (const group of cluster.groups()) {
    const requirement = cluster.requirementOfGroup(group);
    if (!requirement || !preempts(requirement.soft, 'takes')) continue;
    for (const task of group.oldest(mostTakers)) {
      if (looked++ >= mostTakers || plan.chosen.length >= most) return plan.chosen;
      // What the scheduler has not refused, or would place now, is its own.
      if (task.status.state !== 'pending' || fitsNow(cluster, requirement, task)) continue;
      if (!plan.find(task, requirement) && group.bound === 0) break;
    }
  }
  return plan.chosen;
}

function fitsNow(cluster: Cluster, requirement: Requirement, { only }: Task): boolean {
  const nodeClass = cluster.classOf(requirement);
  nodeClass.sync();
  if (only === undefined) return nodeClass.fits;
  const slot = cluster.loads.slotOf(only);
  return slot !== undefined && nodeClass.takes(slot);
}

/** What one go has given out so far: who makes way, and what takes their room. */
class Plan {
  readonly chosen: MakingWay[] = [];
  readonly #view: View;
  readonly #cluster: Cluster;
  readonly #gone = new Set<string>();
  /** Takers that have been given a host, as if they were there. */
  readonly #claims = new Map<string, Task[]>();
  readonly #budgets = new Map<string, number>();

  constructor(view: View, cluster: Cluster) {
    this.#view = view;
    this.#cluster = cluster;
  }

  /** Gives the taker a host, with as many victims as it needs; false if no host can be freed for it. */
  find(taker: Task, taking: Requirement): boolean {
    const hosts = this.#hosts(taker, taking);
    const free = hosts.find((node) => this.#fits(node, taking, this.#staying(node)));
    if (free) return this.#claim(free, taker);
    let best: { readonly node: Node; readonly victims: readonly Task[] } | undefined;
    for (const node of hosts) {
      const victims = this.#victimsOn(node, taking);
      if (victims && (!best || this.#compare(victims, best.victims) < 0)) best = { node, victims };
    }
    if (!best) return false;
    for (const victim of best.victims) {
      this.#gone.add(victim.id);
      this.#budgets.set(victim.serviceId, this.#budget(victim.serviceId) - 1);
      this.chosen.push({ victim, taker, taking });
    }
    return this.#claim(best.node, taker);
  }

  #claim(node: Node, taker: Task): true {
    this.#claims.set(node.id, [...(this.#claims.get(node.id) ?? []), { ...taker, nodeId: node.id }]);
    return true;
  }

  /** Hosts with tasks that yield, or the one that the taker is bound to; those with the fewest tasks of its service first. */
  #hosts({ only }: Task, taking: Requirement): readonly Node[] {
    const ids = new Set<string>();
    for (const service of this.#view.all('service')) {
      const { placement } = service.spec;
      if (!placement || !preempts(placement, 'yields') || placement.priority >= taking.soft.priority)
        continue;
      for (const task of this.#view.tasksOfService(service.id))
        if (task.nodeId !== undefined && !isTerminal(task.status.state)) ids.add(task.nodeId);
    }
    const mine = (id: string): number => {
      const slot = this.#cluster.loads.slotOf(id);
      return slot === undefined ? 0 : this.#cluster.loads.services.get(taking.serviceId, slot);
    };
    return [...ids]
      .filter((id) => only === undefined || id === only)
      .sort((a, b) => mine(a) - mine(b) || (a < b ? -1 : 1))
      .slice(0, mostHosts)
      .flatMap((id) => this.#view.get('node', id) ?? []);
  }

  /** Tasks that hold something of the host and go on doing so, with what was claimed. */
  #staying({ id }: Node): readonly Task[] {
    const there = [...this.#view.tasksOnNode(id)].filter(
      (task) => !isTerminal(task.status.state) && !isLeaving(task) && !this.#gone.has(task.id),
    );
    return [...there, ...(this.#claims.get(id) ?? [])];
  }

  #fits(node: Node, taking: Requirement, tasks: readonly Task[]): boolean {
    const load = loadOf(node, tasks, (id) => this.#view.get('revision', id));
    return refusal(load, taking) === undefined;
  }

  /**
   * The tasks of the host that must go: as if all that may went, then as many as possible are let off, those of the highest
   * priority first, and of one priority the smallest. Undefined if it does not fit even then.
   */
  #victimsOn(node: Node, taking: Requirement): readonly Task[] | undefined {
    const staying = this.#staying(node);
    const used = new Map<string, number>();
    const may = [...staying]
      .sort((a, b) => this.#weigh(a, b))
      .filter((task) => this.#mayGo(task, taking, used));
    let left = staying.filter((task) => !may.includes(task));
    if (may.length === 0 || !this.#fits(node, taking, left)) return undefined;
    const victims: Task[] = [];
    for (const task of [...may].reverse()) {
      if (this.#fits(node, taking, [...left, task])) left = [...left, task];
      else victims.push(task);
    }
    return victims;
  }

  #mayGo(task: Task, taking: Requirement, used: Map<string, number>): boolean {
    const placement = this.#view.get('service', task.serviceId)?.spec.placement;
    const yields = placement && preempts(placement, 'yields') && placement.priority < taking.soft.priority;
    const count = used.get(task.serviceId) ?? 0;
    if (!yields || task.desired !== 'running' || count >= this.#budget(task.serviceId)) return false;
    used.set(task.serviceId, count + 1);
    return true;
  }

  #budget(serviceId: string): number {
    const known = this.#budgets.get(serviceId);
    if (known !== undefined) return known;
    const service = this.#view.get('service', serviceId);
    const budget = service ? budgetOf(service, this.#view.tasksOfService(serviceId)) : 0;
    this.#budgets.set(serviceId, budget);
    return budget;
  }

  #priority({ serviceId }: Task): number {
    return this.#view.get('service', serviceId)?.spec.placement?.priority ?? 0;
  }

  /** The lowest priority first, then the biggest. */
  #weigh(a: Task, b: Task): number {
    const size = (task: Task): number => {
      const { cpuMillis = 0, memoryBytes = 0 } =
        this.#view.get('revision', task.revisionId)?.container.reservations ?? {};
      return cpuMillis / 1_000 + memoryBytes / 2 ** 30;
    };
    return this.#priority(a) - this.#priority(b) || size(b) - size(a) || (a.id < b.id ? -1 : 1);
  }

  #compare(a: readonly Task[], b: readonly Task[]): number {
    const highest = (tasks: readonly Task[]): number =>
      Math.max(...tasks.map((task) => this.#priority(task)));
    const sum = (tasks: readonly Task[]): number =>
      tasks.reduce((all, task) => all + this.#priority(task), 0);
    return a.length - b.length || highest(a) - highest(b) || sum(a) - sum(b);
  }
}

function isLeaving({ desired, makesWay }: Task): boolean {
  return desired !== 'running' || makesWay !== undefined;
}
