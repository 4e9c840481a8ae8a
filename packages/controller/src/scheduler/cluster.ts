import { preempts, softPart } from '@gantry/model/placement';
import type { Revision, Service } from '@gantry/model/service';
import { same } from '@gantry/model/same';
import { isTerminal, type Task } from '@gantry/model/task';
import type { Change, Derived, View } from '../store/store.ts';
import { Loads } from './loads.ts';
import { NodeClass } from './node-class.ts';
import { classKey, requirementOf, type Other, type Requirement } from './requirement.ts';
import { Waiting, type Group } from './waiting.ts';

/** Rows of all orders of nodes together; beyond it the order used least recently is given up. About 40 bytes each. */
const mostRows = 4_000_000;

/** What was found out about a group that found no node, and when. */
export interface Verdict {
  readonly nodeClass: NodeClass;
  readonly classVersion: number;
  readonly groupVersion: number;
}

/** All that placing looks at, kept up to date with the view by its changes: loads, waiting tasks, orders of nodes. */
export class Cluster {
  readonly loads = new Loads();
  readonly waiting = new Waiting();
  /** What held groups back: a group is looked at again only when that has changed. */
  readonly verdicts = new Map<string, Verdict>();
  readonly #view: View;
  readonly #requirements = new Map<string, Requirement>();
  /** Keys of classes by requirement, and the classes, the one used last at the end. */
  readonly #keys = new WeakMap<Requirement, string>();
  readonly #classes = new Map<string, NodeClass>();
  /** True if some service has a rule about others: then services that come and go may change requirements. */
  #related = false;
  /** Services whose waiting tasks may stop others. */
  readonly #taking = new Set<string>();

  constructor(view: View) {
    this.#view = view;
    for (const service of view.all('service')) this.#relate(service);
    for (const node of view.all('node')) this.loads.put(node);
    for (const task of view.all('task')) this.#count(task, 1);
    for (const task of view.unplacedTasks()) this.waiting.put(task);
  }

  /** How many services there are whose waiting tasks may stop others. */
  get takers(): number {
    return this.#taking.size;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'task':
        return this.#task(change.before, change.after);
      case 'node':
        return this.#node(change);
      case 'revision':
        return this.#revision(change.before, change.after);
      case 'service':
        return this.#service(change.before, change.after);
      case 'settings':
      case 'image':
      case 'config':
      case 'secret':
      case 'payload':
        return; // say nothing of places
    }
  }

  requirement(revision: Revision): Requirement {
    const known = this.#requirements.get(revision.id);
    if (known?.revision === revision) return known;
    const service = this.#view.get('service', revision.serviceId);
    const { near = [], apart = [] } = revision.placement ?? {};
    if (near.length + apart.length > 0) this.#related = true;
    const requirement = requirementOf(revision, {
      ...(service?.spec.placement && { soft: softPart(service.spec.placement) }),
      near: near.map((name) => this.#other(name)),
      apart: this.#apartOf(revision, service),
    });
    this.#requirements.set(revision.id, requirement);
    return requirement;
  }

  requirementOfGroup({ revisionId }: Group): Requirement | undefined {
    const revision = this.#view.get('revision', revisionId);
    return revision && this.requirement(revision);
  }

  /** The order of nodes for a requirement, shared by all that ask for the same. */
  classOf(requirement: Requirement): NodeClass {
    const key = this.#keys.get(requirement) ?? classKey(requirement);
    this.#keys.set(requirement, key);
    const found = this.#classes.get(key) ?? new NodeClass(this.loads, requirement);
    this.#classes.delete(key);
    this.#classes.set(key, found);
    const most = Math.max(4, Math.floor(mostRows / Math.max(1, this.loads.size)));
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size <= most) break;
      this.#classes.delete(oldest);
    }
    return found;
  }

  /** Groups by priority, then by the age of their revision. */
  groups(): readonly Group[] {
    return this.waiting.inOrder((group) => {
      const requirement = this.requirementOfGroup(group);
      return { first: -(requirement?.soft.priority ?? 0), then: requirement?.revision.createdAt ?? 0 };
    });
  }

  #task(before: Task | undefined, after: Task | undefined): void {
    if (before && waits(before) && !(after && waits(after))) this.waiting.delete(before);
    if (after && waits(after)) {
      if (before && waits(before) && before.revisionId !== after.revisionId) this.waiting.delete(before);
      this.waiting.put(after);
    }
    if (before && after && sameHold(before, after)) return;
    if (before) this.#count(before, -1);
    if (after) this.#count(after, 1);
  }

  #count(task: Task, sign: 1 | -1): void {
    if (task.nodeId === undefined) return;
    const slot = this.loads.slotOf(task.nodeId);
    if (slot === undefined) return;
    const [held, ran] = [!isTerminal(task.status.state), hasRun(task)];
    const revision = this.#view.get('revision', task.revisionId);
    if (held) this.loads.count(slot, revision && this.requirement(revision), sign);
    if (ran && revision) this.loads.ran(slot, revision.image.digest, sign);
  }

  #node({ id, before, after }: Change & { kind: 'node' }): void {
    if (after) this.loads.put(after);
    // Its tasks may have been there before it, and may outlive it.
    if (!before) for (const task of this.#view.tasksOnNode(id)) this.#count(task, 1);
    if (!after) {
      for (const task of this.#view.tasksOnNode(id)) this.#count(task, -1);
      this.loads.remove(id);
    }
  }

  /** Tasks that were counted with the old revision, or with none, are counted with the new one. */
  #revision(before: Revision | undefined, after: Revision | undefined): void {
    const id = (after ?? before)?.id ?? '';
    const old = this.#requirements.get(id) ?? (before && this.requirement(before));
    for (const task of this.#view.tasksOfService((after ?? before)?.serviceId ?? '')) {
      const slot = task.revisionId === id ? this.loads.slotOf(task.nodeId ?? '') : undefined;
      if (slot === undefined) continue;
      if (!isTerminal(task.status.state)) this.loads.count(slot, before && old, -1);
      if (before && hasRun(task)) this.loads.ran(slot, before.image.digest, -1);
      if (!isTerminal(task.status.state)) this.loads.count(slot, after && this.#fresh(after), 1);
      if (after && hasRun(task)) this.loads.ran(slot, after.image.digest, 1);
    }
    if (!after) this.#requirements.delete(id);
    this.verdicts.delete(id);
    this.waiting.reorder();
  }

  #fresh(revision: Revision): Requirement {
    if (this.#requirements.get(revision.id)?.revision !== revision) this.#requirements.delete(revision.id);
    return this.requirement(revision);
  }

  #service(before: Service | undefined, after: Service | undefined): void {
    if (!after && before) {
      this.loads.services.forget(before.id);
      this.#taking.delete(before.id);
    }
    if (after) this.#relate(after);
    const named = before?.spec.name !== after?.spec.name || before?.removing !== after?.removing;
    if (!(this.#related && named) && same(before?.spec.placement, after?.spec.placement)) return;
    this.#requirements.clear();
    this.verdicts.clear();
    this.waiting.reorder();
  }

  #relate({ id, spec: { placement } }: Service): void {
    if (placement && preempts(placement, 'takes')) this.#taking.add(id);
    else this.#taking.delete(id);
    if (placement && placement.near.length + placement.apart.length > 0) this.#related = true;
  }

  #other(name: string): Other {
    const [stack = '', service = ''] = name.split('/');
    const id = this.#view.serviceNamed(stack, service)?.id;
    return { name, ...(id !== undefined && { id }) };
  }

  /** Those it keeps apart from, and those that keep apart from it. */
  #apartOf(revision: Revision, service: Service | undefined): readonly Other[] {
    const others = (revision.placement?.apart ?? []).map((name) => this.#other(name));
    if (!service || !this.#related) return others;
    const name = nameOf(service);
    for (const other of this.#view.all('service')) {
      const names = other.spec.placement?.apart.includes(name);
      if (names && !others.some(({ id }) => id === other.id))
        others.push({ id: other.id, name: nameOf(other) });
    }
    return others;
  }
}

/** The scheduler's state of a view: built once, then kept up to date by the view's changes. */
export const clusterOf: Derived<Cluster> = {
  name: 'scheduler',
  build: (view) => new Cluster(view),
  apply: (cluster, change) => cluster.apply(change),
};

function nameOf({ spec }: Service): string {
  return `${spec.stack}/${spec.name}`;
}

/** A task that waits for a place, as `View.unplacedTasks` has it. */
function waits({ nodeId, desired, status }: Task): boolean {
  return (
    nodeId === undefined && desired === 'running' && (status.state === 'new' || status.state === 'pending')
  );
}

function sameHold(before: Task, after: Task): boolean {
  return (
    before.nodeId === after.nodeId &&
    before.revisionId === after.revisionId &&
    isTerminal(before.status.state) === isTerminal(after.status.state) &&
    hasRun(before) === hasRun(after)
  );
}

/** Its image is on the node: it came as far as to run. */
function hasRun({ status: { state } }: Task): boolean {
  return state === 'running' || state === 'complete' || state === 'failed' || state === 'shutdown';
}
