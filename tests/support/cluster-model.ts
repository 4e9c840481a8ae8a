import type { AnyObject } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import type { Revision, Service, ServiceSpec } from '@gantry/model/service';
import { isTerminal, mayBecome, type Task, type TaskStatus } from '@gantry/model/task';
import {
  defaultSettings,
  type Env,
  type Reconciler,
} from '../../packages/controller/src/reconcilers/reconciler.ts';
import { Tables } from '../../packages/controller/src/store/tables.ts';
import type { Change, Write } from '../../packages/controller/src/store/store.ts';
import { aNode, anId, aRevision, aService, noon } from './builders.ts';

/** Looks at every change; throws if it must never be. */
export type Watcher = (change: Change, view: Tables) => void;

/** What the container of a revision does once it is started. */
export type Behaviour = 'serves' | 'crashes' | 'completes' | 'hangs';

/**
 * A cluster in memory: the real reconcilers, fed as the loop feeds them (only the keys that changes name, only at the times
 * they asked for), and hosts that do what agents do, one state at a time. Time stands still unless it is moved.
 */
export class ClusterModel {
  readonly view = new Tables();
  now = noon;
  /** Containers that really exist: task to host. They outlive what the store says of them. */
  readonly containers = new Map<string, string>();
  readonly #reconcilers: readonly Reconciler[];
  readonly #watch: Watcher;
  readonly #dirty = new Map<Reconciler, Set<string>>();
  readonly #wakes = new Map<string, { at: number; reconciler: Reconciler; key: string }>();
  readonly #dead = new Set<string>();
  readonly #behaviours = new Map<string, Behaviour>();
  #nextId = 0;

  constructor(reconcilers: readonly Reconciler[], watch: Watcher = () => undefined) {
    this.#reconcilers = reconcilers;
    this.#watch = watch;
    for (const reconciler of reconcilers) this.#dirty.set(reconciler, new Set());
  }

  addNode(id: string, more: Partial<Node> = {}): void {
    const { subnet: _subnet, ...node } = aNode({ id, name: id, createdAt: this.now, ...more });
    this.#put(node);
  }

  setNode(id: string, more: Partial<Node>): void {
    const node = this.view.get('node', id);
    if (node) this.#put({ ...node, ...more });
  }

  /** The host loses power: its containers are gone and it falls silent. */
  killNode(id: string): void {
    for (const [task, host] of this.containers) if (host === id) this.containers.delete(task);
    this.cutOff(id);
  }

  /** The host is not heard, and its containers go on. */
  cutOff(id: string): void {
    this.#dead.add(id);
    if (this.view.get('node', id)?.silentSince === undefined) this.setNode(id, { silentSince: this.now });
  }

  reviveNode(id: string): void {
    this.#dead.delete(id);
    const node = this.view.get('node', id);
    if (!node) return;
    const { silentSince: _silentSince, ...heard } = node;
    this.#put(heard);
  }

  removeNode(id: string): void {
    this.killNode(id);
    this.#apply([{ op: 'delete', kind: 'node', id, version: 0 }]);
  }

  /** Creates the service or gives it another spec; with another `behaviour` or container it is a new revision. */
  apply(id: string, spec: ServiceSpec, behaviour: Behaviour = 'serves'): void {
    const service = this.view.get('service', id);
    const old = service && this.view.get('revision', service.revisionId);
    const revision = aRevision({
      id: `${id}-r${(old?.number ?? 0) + 1}`,
      serviceId: id,
      number: (old?.number ?? 0) + 1,
      container: spec.container,
      ports: spec.ports,
      constraints: spec.constraints,
    });
    this.#behaviours.set(revision.id, behaviour);
    this.#put(revision);
    this.#put({ ...(service ?? aService({ id, createdAt: this.now })), spec, revisionId: revision.id });
  }

  scale(id: string, replicas: number): void {
    this.#change(id, (service) => ({
      ...service,
      spec: { ...service.spec, mode: { kind: 'replicated', replicas } },
    }));
  }

  /** A person pauses or resumes the update. */
  hold(id: string, paused: boolean): void {
    this.#change(id, (service) => ({ ...service, hold: { paused, at: this.now } }));
  }

  /** A person asks for a rebalance, and these should make way. */
  move(id: string, tasks: readonly string[]): void {
    this.#change(id, (service) => ({ ...service, moves: { tasks, at: this.now } }));
  }

  removeService(id: string): void {
    this.#change(id, (service) => ({ ...service, removing: true }));
  }

  /** The container of the task ends by itself. */
  crash(task: Task): void {
    if (!this.containers.has(task.id)) return;
    this.#end(task, 'failed', 'exit code 1');
  }

  /** Decides until nobody has anything to say. Answers whether anything was written. */
  decide(): boolean {
    let wrote = false;
    for (let rounds = 0; rounds < 200; rounds++) {
      const writes = this.#round();
      if (writes === 0) return wrote;
      wrote = true;
    }
    throw new Error('the reconcilers write for ever');
  }

  /** Every host does one step of every task that it can hear of. Answers whether anything happened. */
  work(): boolean {
    let worked = false;
    for (const node of this.view.all('node')) {
      if (!this.#dead.has(node.id)) worked = this.#workOf(node) || worked;
    }
    return worked;
  }

  /** Lets time pass up to `ms`, stopping at each time that somebody asked for, until all is quiet then. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      this.settle();
      const next = Math.min(...[...this.#wakes.values()].map(({ at }) => at));
      if (next > until) break;
      this.now = Math.max(this.now, next);
      this.#wakeUp();
    }
    this.now = until;
  }

  /** Decides and works until nothing happens any more, at this moment. */
  settle(): void {
    for (let rounds = 0; rounds < 500; rounds++) {
      const [wrote, worked] = [this.decide(), this.work()];
      if (!wrote && !worked) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  tasks(service: string): readonly Task[] {
    return [...this.view.tasksOfService(service)];
  }

  /** Tasks that are wanted, run and are ready. */
  serving(service: string): readonly Task[] {
    return this.tasks(service).filter(
      (task) =>
        task.desired === 'running' && task.status.ready && this.containers.get(task.id) === task.nodeId,
    );
  }

  #round(): number {
    let written = 0;
    for (const [reconciler, keys] of this.#dirty) {
      for (const key of [...keys]) {
        keys.delete(key);
        const { writes, wakeAt } = reconciler.decide(this.view, key, this.#env());
        const name = `${reconciler.name}/${key}`;
        if (wakeAt === undefined) this.#wakes.delete(name);
        else this.#wakes.set(name, { at: wakeAt, reconciler, key });
        this.#apply(writes);
        written += writes.length;
      }
    }
    return written;
  }

  #wakeUp(): void {
    for (const [name, { at, reconciler, key }] of this.#wakes) {
      if (at > this.now) continue;
      this.#wakes.delete(name);
      this.#dirty.get(reconciler)?.add(key);
    }
  }

  /** A host hears the whole of what it should hold: it removes what is not in it, and moves the rest on. */
  #workOf(node: Node): boolean {
    let worked = false;
    for (const [taskId, host] of [...this.containers]) {
      if (host !== node.id || this.view.get('task', taskId)) continue;
      this.containers.delete(taskId);
      worked = true;
    }
    for (const task of [...this.view.tasksOnNode(node.id)]) worked = this.#step(task) || worked;
    return worked;
  }

  #step(task: Task): boolean {
    const { state } = task.status;
    if (isTerminal(state)) return this.containers.delete(task.id);
    if (task.desired !== 'running') this.#end(task, 'shutdown', 'stopped as asked');
    else if (state === 'assigned') this.#report(task, { state: 'preparing' });
    else if (state === 'preparing') this.#report(task, { state: 'starting' });
    else if (state === 'starting') this.#start(task);
    else if (!this.containers.has(task.id)) this.#end(task, 'failed', 'its host lost it');
    else if (this.#behaviours.get(task.revisionId) === 'crashes') this.#end(task, 'failed', 'exit code 1');
    else if (this.#behaviours.get(task.revisionId) === 'completes')
      this.#end(task, 'complete', 'exit code 0');
    else return false;
    return true;
  }

  #start(task: Task): void {
    this.containers.set(task.id, task.nodeId ?? '');
    this.#report(task, { state: 'running', ready: this.#behaviours.get(task.revisionId) !== 'hangs' });
  }

  #end(task: Task, state: TaskStatus['state'], reason: string): void {
    this.containers.delete(task.id);
    this.#report(task, { state, reason, ready: false });
  }

  #report(task: Task, status: Partial<TaskStatus>): void {
    const now = this.view.get('task', task.id);
    if (!now || !mayBecome(now.status.state, status.state ?? now.status.state)) return;
    this.#put({ ...now, status: { ...now.status, reason: 'as said by its host', at: this.now, ...status } });
  }

  #change(id: string, change: (service: Service) => Service): void {
    const service = this.view.get('service', id);
    if (service) this.#put(change(service));
  }

  #put(object: AnyObject | Revision): void {
    this.#apply([{ op: 'put', object }]);
  }

  #apply(writes: readonly Write[]): void {
    const changes = writes.flatMap((write) => {
      const version = ++this.view.revision;
      return write.op === 'put'
        ? (this.view.apply(write.object.kind, write.object.id, { ...write.object, version }) ?? [])
        : (this.view.apply(write.kind, write.id, undefined) ?? []);
    });
    for (const change of changes) {
      this.#watch(change, this.view);
      for (const reconciler of this.#reconcilers) {
        for (const key of reconciler.keysOf(change, this.view)) this.#dirty.get(reconciler)?.add(key);
      }
    }
  }

  #env(): Env {
    return { now: this.now, newId: () => anId(`m${this.#nextId++}x`), settings: defaultSettings };
  }
}
