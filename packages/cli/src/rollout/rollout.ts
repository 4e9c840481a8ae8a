import type { JobView, ServiceView, TaskView, WatchResponse } from '@gantry/proto/gen/gantry/v1/control';
import { Failures } from './failures.ts';
import { endedPlaces, groupedBy, newest, placeOf, type Goal } from './goal.ts';

/** A step of a task that is news to who waits. */
export interface TaskChange {
  readonly task: TaskView;
  /** Its state before; empty for a new task. */
  readonly from: string;
}

export type Verdict = 'waiting' | 'done' | 'hopeless';

/** Done must stay done for so long, ms: a program that ends as soon as it has begun was `running`, too. */
const settleMs = 500;
/** No host takes a task of a global service, or the controller has not come to it yet, ms. */
const settleEmptyMs = 2_000;
/** Tasks named in one reason; of more, the number is said. */
const maxNamed = 5;

/** Services on their way to what was asked for: hears what the controller tells, and says how far it is. */
export class Rollout {
  readonly goals: readonly Goal[];
  readonly #services = new Map<string, ServiceView>();
  readonly #tasks = new Map<string, TaskView>();
  readonly #gone = new Set<string>();
  readonly #failures = new Failures();
  readonly #told = new Map<string, string>();
  #begun = false;

  constructor(goals: readonly Goal[]) {
    this.goals = goals;
  }

  /** The controller will tell everything again: what it no longer knows must not stay. */
  restart(): void {
    this.#services.clear();
    this.#tasks.clear();
  }

  /** Takes a message in; answers with what is news. */
  take({ services, tasks, removedServices }: WatchResponse): readonly TaskChange[] {
    for (const service of services) this.#services.set(service.id, service);
    for (const task of tasks) this.#tasks.set(task.id, task);
    for (const id of removedServices) this.#gone.add(id);
    for (const task of tasks) this.#failures.count(task, this.#begun || this.#isCreated(task.serviceId));
    const changes = tasks.flatMap((task) => this.#news(task) ?? []);
    this.#begun = true;
    return changes;
  }

  /** Services in the order of the goals, without those that are gone. */
  get services(): readonly ServiceView[] {
    return this.goals.flatMap(({ serviceId }) =>
      this.#gone.has(serviceId) ? [] : (this.#services.get(serviceId) ?? []),
    );
  }

  tasksOf(serviceId: string): readonly TaskView[] {
    return [...this.#tasks.values()].filter((task) => task.serviceId === serviceId);
  }

  verdict(): Verdict {
    if (this.goals.every((goal) => this.isDone(goal))) return 'done';
    return this.goals.some((goal) => this.#isHopeless(goal)) ? 'hopeless' : 'waiting';
  }

  /** How long `done` must hold before it is believed, ms. */
  settleMs(): number {
    const empty = this.services.some(({ mode, desired }) => mode === 'global' && desired === 0);
    if (empty && this.goals.some(({ change }) => change !== 'removed')) return settleEmptyMs;
    return this.goals.some(({ change }) => change === 'created' || change === 'updated') ? settleMs : 0;
  }

  isDone(goal: Goal): boolean {
    if (this.#gone.has(goal.serviceId)) return true;
    const service = this.#services.get(goal.serviceId);
    if (goal.change === 'removed' || !service || service.removing) return false;
    if (service.job) return isJobDone(service.job, service.revision);
    if (goal.anyRevision && isBack(service))
      return service.running === service.ready && service.ready === service.desired;
    if (service.running !== service.upToDate || isUnderWay(service)) return false;
    if (service.upToDate === service.desired) return true;
    const ended = endedPlaces(service, goal, this.tasksOf(service.id));
    return service.upToDate + ended === service.desired;
  }

  /** For each service that is not as it should be: a sentence, and below it what its tasks say. */
  reasons(): readonly string[] {
    return this.goals
      .filter((goal) => !this.isDone(goal))
      .flatMap((goal) => {
        const service = this.#services.get(goal.serviceId);
        if (!service) return [`${goal.name}: the controller has not told of it yet`];
        return [headOf(goal, service), ...this.#taskReasons(service)];
      });
  }

  /** Same words are said once, with the places they are about. */
  #taskReasons(service: ServiceView): readonly string[] {
    const places = [...groupedBy(this.tasksOf(service.id), placeOf).values()];
    const open = places.flatMap((own) => (own.some(isUp) ? [] : (newest(own) ?? [])));
    const grouped = groupedBy(open, (task) => `${task.status?.state ?? ''}: ${this.#reasonOf(task)}`);
    return [...grouped].map(([words, tasks]) => `  ${namesOf(tasks)} ${words}`);
  }

  #reasonOf(task: TaskView): string {
    const failures = this.#failures.besides(task);
    const last = newest(failures);
    const often = failures.length > 1 ? ` (${failures.length} times)` : '';
    const own = task.status?.reason ?? '';
    if (!last || last.id === task.id) return `${own}${often}`;
    return `${own}; before: ${last.status?.reason ?? ''}${often}`;
  }

  #isCreated(id: string): boolean {
    return this.goals.some(({ serviceId, change }) => serviceId === id && change === 'created');
  }

  #isHopeless(goal: Goal): boolean {
    const service = this.#services.get(goal.serviceId);
    // What goes away may have failed as often as it liked.
    if (!service || goal.change === 'removed' || this.isDone(goal)) return false;
    const verdict = verdictOf(service);
    return verdict === undefined ? this.#failures.areHopeless(goal, service) : verdict;
  }

  #news(task: TaskView): TaskChange | undefined {
    const now = `${task.status?.state ?? ''} ${task.status?.reason ?? ''}`;
    const before = this.#told.get(task.id);
    this.#told.set(task.id, now);
    if (before === now) return undefined;
    // What stood before the wait began, and stays, is no news.
    const stood = task.desired !== 'running' || isUp(task) || this.#failures.isHistory(task.id);
    if (!this.#begun && stood) return undefined;
    return { task, from: before?.split(' ')[0] ?? '' };
  }
}

/** The update to the newest revision is not over: it may still fail, and go back. */
function isUnderWay({ update, revision }: ServiceView): boolean {
  return update?.to === revision && update.state === 'rolling' && !update.held;
}

/** The newest revision failed, and the last good one runs again. */
function isBack({ update, revision }: ServiceView): boolean {
  return update?.to === revision && update.back && update.state === 'done';
}

/** What the cluster has decided by itself: true if waiting is no use; undefined if it has not. */
function verdictOf({ update, job, revision }: ServiceView): boolean | undefined {
  if (job) return job.run?.revision === revision && job.run.state === 'failed';
  if (update?.to !== revision) return undefined;
  if (update.state === 'paused' || (update.held && update.state === 'rolling')) return true;
  return update.back ? update.state === 'done' : undefined;
}

/** A job without a schedule is waited for to its end; one with a schedule is done once it is known. */
function isJobDone({ run, schedule }: JobView, revision: number): boolean {
  return schedule !== undefined || (run?.revision === revision && run.state === 'complete');
}

function headOf(
  { name, change }: Goal,
  { upToDate, desired, note, removing, update, revision }: ServiceView,
): string {
  if (change === 'removed' || removing) return `${name}: ${note}`;
  if (update?.to === revision && (update.back || update.state === 'paused')) return `${name}: ${note}`;
  return `${name}: ${upToDate} of ${desired} ready${note === '' ? '' : `: ${note}`}`;
}

function isUp({ status, desired }: TaskView): boolean {
  return desired === 'running' && status?.state === 'running' && status.ready;
}

function namesOf(tasks: readonly TaskView[]): string {
  const more = tasks.length - maxNamed;
  return `${tasks.slice(0, maxNamed).map(nameOf).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function nameOf({ service, slot, node }: TaskView): string {
  const where = node === '' ? '' : ` on ${node}`;
  return slot === 0 ? `${service}${where}` : `${service}.${slot}${where}`;
}
