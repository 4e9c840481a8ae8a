import type { Change } from '@gantry/controller/store/store';
import { isFenced } from '@gantry/model/fence';
import { same } from '@gantry/model/spec-change';
import { isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import { checkBudget } from './budget-law.ts';
import type { SimCluster } from './cluster.ts';
import { checkFiles, checkKept } from './content-law.ts';
import { DataLaw } from './data-law.ts';
import type { SimHost } from './host.ts';
import { Broken, checkChange } from './laws.ts';

/** A view and the commit that rests on it may be this old, ms: a lost answer takes five seconds. */
const staleMs = 8_000;

/** Looks at everything that happens in a cluster, and keeps the first broken promise until somebody looks. */
export class Watch {
  readonly #cluster: SimCluster;
  /** Tasks whose container was started, and the boot of the host then. */
  readonly #started = new Map<
    string,
    { readonly host: SimHost; readonly containers: SimHost['containers'] }
  >();
  /** When each node was last drained or down. */
  readonly #awayAt = new Map<string, number>();
  /** When the spec of each service last changed. */
  readonly #askedAt = new Map<string, number>();
  readonly #data = new DataLaw(staleMs);
  #broken: Broken | undefined;
  /** Lines of what happened, newest last; filled when somebody wants to read them. */
  readonly story: string[] = [];
  tell = false;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  /** Throws what was found since the last look. */
  look(): void {
    if (this.#broken) throw this.#broken;
  }

  note(line: string): void {
    if (this.tell) this.story.push(`${(this.#cluster.world.age() / 1_000).toFixed(3).padStart(9)} ${line}`);
  }

  changed(change: Change): void {
    this.note(lineOf(change));
    this.#try(() => {
      const { view } = this.#cluster.truth;
      if (change.kind === 'node') this.#noteAway(change);
      if (change.kind === 'service') this.#noteAsked(change);
      checkChange(change, view, (nodeId) => this.#lately(this.#awayAt, nodeId));
      checkKept(change, view);
      this.#data.check(change, view, this.#cluster.world.age());
      if (change.kind === 'task') checkBudget(change, view, (id) => this.#lately(this.#askedAt, id));
      if (change.kind === 'task' && change.after) this.#checkEnd(change.before, change.after);
    });
  }

  container(event: 'run' | 'signal' | 'delete', host: SimHost, taskId: string): void {
    this.note(`${host.name}: container ${taskId} ${event}`);
    this.#try(() => (event === 'run' ? this.#checkRun(host, taskId) : this.#checkStop(event, host, taskId)));
  }

  #noteAway({ id, before, after }: Change & { kind: 'node' }): void {
    const away = [before, after].some((node) => node?.availability === 'drain' || node?.state === 'down');
    if (away) this.#awayAt.set(id, this.#cluster.world.age());
  }

  #noteAsked({ id, before, after }: Change & { kind: 'service' }): void {
    if (before?.spec !== after?.spec && !same(before?.spec, after?.spec))
      this.#askedAt.set(id, this.#cluster.world.age());
  }

  #lately(times: ReadonlyMap<string, number>, id: string): boolean {
    return this.#cluster.world.age() - (times.get(id) ?? -Infinity) < staleMs;
  }

  #try(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#broken ??= error instanceof Broken ? error : new Broken(String(error));
    }
  }

  /** No container is started twice; what a power loss undid within a moment of its start does not count. */
  #checkRun(host: SimHost, taskId: string): void {
    const before = this.#started.get(taskId);
    this.#started.set(taskId, { host, containers: host.containers });
    if (before && (before.host !== host || before.containers === host.containers))
      throw new Broken(`the container of task ${taskId} was started twice`);
    this.#checkAlone(host, taskId);
    checkFiles(this.#cluster.truth.view, host.contents, taskId);
  }

  /** Where that is promised, no other task of the place runs anywhere at this moment. */
  #checkAlone(host: SimHost, taskId: string): void {
    const task = this.#fenced(taskId);
    if (!task) return;
    for (const other of this.#cluster.hosts) {
      for (const id of other.powered ? other.running() : []) {
        const one = id === taskId ? undefined : this.#fenced(id);
        if (one?.serviceId !== task.serviceId || one.slot !== task.slot) continue;
        if (task.slot === 0 && other !== host) continue;
        throw new Broken(
          `${host.name} started ${taskId} in place ${task.slot} of ${task.serviceId} while ${other.name} ran ${id}, and they must not run twice`,
        );
      }
    }
  }

  /** The task, if it was made as one that must never run twice: what was made before that was asked for has no guard. */
  #fenced(id: string): Task | undefined {
    const { view } = this.#cluster.truth;
    const task = view.get('task', id);
    const revision = task && view.get('revision', task.revisionId);
    return revision && isFenced(revision) ? task : undefined;
  }

  /** Nothing is stopped that should run. */
  #checkStop(event: string, host: SimHost, taskId: string): void {
    const task = this.#cluster.truth.view.get('task', taskId);
    if (task && task.desired === 'running' && !isTerminal(task.status.state))
      throw new Broken(`${host.name} stopped (${event}) the container of task ${taskId}, which should run`);
  }

  /** A task that is said to have ended has ended. */
  #checkEnd(before: Task | undefined, { id, nodeId, status }: Task): void {
    if (!isTerminal(status.state) || status.state === 'orphaned' || before?.status.state === status.state)
      return;
    const host = this.#cluster.hosts.find((one) => one.nodeId === nodeId);
    if (host?.runs(id)) throw new Broken(`task ${id} is said to be ${status.state}, and its container runs`);
  }

  /** What is not as the specs ask; empty once the cluster has come to rest. */
  notAsWanted(): readonly string[] {
    return [...this.#services(), ...this.#tasks(), ...this.#hosts()];
  }

  *#services(): Iterable<string> {
    const { view } = this.#cluster.truth;
    for (const service of view.all('service')) {
      const name = service.spec.name;
      if (service.removing) yield `service ${name} is still being removed`;
      const tasks = [...view.tasksOfService(service.id)].filter(({ desired }) => desired === 'running');
      const serving = tasks.filter(
        (task) => task.status.ready && task.revisionId === targetRevision(service),
      );
      const { mode } = service.spec;
      const places = mode.kind === 'global' ? this.#takers() : mode.replicas;
      if (serving.length !== places) yield `service ${name} has ${serving.length} of ${places} ready`;
      if (tasks.length !== places)
        yield `service ${name} has ${tasks.length} tasks that should run, not ${places}`;
      if (new Set(serving.map((task) => (task.slot === 0 ? task.nodeId : task.slot))).size !== places)
        yield `service ${name} has a place twice`;
    }
  }

  #takers(): number {
    return [...this.#cluster.truth.view.all('node')].filter(({ state }) => state === 'ready').length;
  }

  /** SwarmKit's liveness property: every task comes to where it should be. */
  *#tasks(): Iterable<string> {
    const { view } = this.#cluster.truth;
    for (const task of view.all('task')) {
      const { id, desired, status, nodeId } = task;
      if (desired === 'remove') yield `task ${id} is not deleted (${status.state})`;
      if (desired === 'shutdown' && !isTerminal(status.state))
        yield `task ${id} has not ended (${status.state})`;
      const host = this.#cluster.hosts.find((one) => one.nodeId === nodeId);
      if (desired === 'running' && status.state === 'running' && !host?.runs(id))
        yield `task ${id} is said to run on ${host?.name ?? 'no host'}, and does not`;
    }
  }

  *#hosts(): Iterable<string> {
    const { view } = this.#cluster.truth;
    for (const host of this.#cluster.hosts) {
      const node = view.get('node', host.nodeId);
      if (node?.state !== 'ready') yield `${host.name} is ${node?.state ?? 'not known'}`;
      for (const id of host.running()) {
        const task = view.get('task', id);
        if (task?.desired !== 'running') yield `${host.name} runs ${id}, which nobody wants`;
      }
      const held = new Set([...view.tasksOnNode(host.nodeId)].map(({ id }) => id));
      for (const id of [
        ...host.containers.containers.keys(),
        ...host.images.roots,
        ...host.disk.tasks.keys(),
        ...host.contents.files.keys(),
      ])
        if (!held.has(id)) yield `${host.name} keeps traces of ${id}, which nobody knows`;
    }
  }
}

function lineOf({ kind, id, before, after }: Change): string {
  if (!after) return `${kind} ${id} deleted`;
  if (kind === 'task') {
    const { status, desired, nodeId, slot, revisionId } = after;
    const born = before ? '' : ` born: slot ${slot} revision ${revisionId}`;
    return `task ${id}${born} ${status.state}${status.ready ? ' ready' : ''} desired ${desired} on ${nodeId ?? '-'}: ${status.reason}`;
  }
  const fields = Object.entries(after).filter(
    ([name, value]) =>
      name !== 'version' && JSON.stringify(value) !== JSON.stringify(before && Reflect.get(before, name)),
  );
  return `${kind} ${id} ${before ? '' : 'born '}${fields
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(' ')
    .slice(0, 300)}`;
}
