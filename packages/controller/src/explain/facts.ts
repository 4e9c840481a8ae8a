import type { Service } from '@gantry/model/service';
import { boundTo, isTerminal, type Task } from '@gantry/model/task';
import { targetRevision } from '@gantry/model/update';
import type { View } from '../store/store.ts';

/** What is known of a service when somebody asks why. */
export interface Facts {
  readonly view: View;
  readonly service: Service;
  /** `stack/service` */
  readonly name: string;
  /** Its places with their tasks, in their order. */
  readonly places: readonly Place[];
  readonly now: number;
}

/** A slot, or for a global service a host, and what has been there. */
export interface Place {
  readonly key: string;
  /** `web.2`, or `agent on n1` */
  readonly name: string;
  /** The newest first. */
  readonly tasks: readonly Task[];
  /** The newest that should run and has not ended. */
  readonly live?: Task;
}

/** One sentence, and what a user may do about it. */
export interface Said {
  readonly answer: string;
  readonly fixes?: readonly string[];
  /** What it rests on, a line each. */
  readonly details?: readonly string[];
}

export function factsOf(view: View, service: Service, now: number): Facts {
  const { stack, name } = service.spec;
  return { view, service, name: `${stack}/${name}`, places: placesOf(view, service), now };
}

function placesOf(view: View, service: Service): readonly Place[] {
  const byKey = new Map<string, Task[]>();
  for (const task of view.tasksOfService(service.id)) {
    const key = task.slot === 0 ? (boundTo(task) ?? '') : String(task.slot);
    const known = byKey.get(key);
    if (known) known.push(task);
    else byKey.set(key, [task]);
  }
  return [...byKey]
    .map(([key, tasks]) => placeOf(view, service, key, tasks.sort(newestFirst)))
    .sort((a, b) => (a.tasks[0]?.slot ?? 0) - (b.tasks[0]?.slot ?? 0) || (a.name < b.name ? -1 : 1));
}

function placeOf(view: View, service: Service, key: string, tasks: readonly Task[]): Place {
  const [first] = tasks;
  const name = first ? taskName(view, service, first) : service.spec.name;
  const live = tasks.find(({ desired, status }) => desired === 'running' && !isTerminal(status.state));
  return { key, name, tasks, ...(live && { live }) };
}

export function taskName(view: View, { spec }: Service, task: Task): string {
  const { slot } = task;
  return slot === 0 ? `${spec.name} on ${nodeName(view, boundTo(task))}` : `${spec.name}.${slot}`;
}

export function nodeName(view: View, id: string | undefined): string {
  return view.get('node', id ?? '')?.name ?? id ?? 'no host';
}

export function newestFirst(a: Task, b: Task): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

export function numberOf(view: View, revisionId: string | undefined): string {
  return String(view.get('revision', revisionId ?? '')?.number ?? '?');
}

/** True if the task is of the revision that the service should run now. */
export function isCurrent({ service }: Facts, task: Task): boolean {
  return task.revisionId === targetRevision(service);
}

/** `web.1, web.2 and 3 more` */
export function named(places: readonly Place[]): string {
  const more = places.length - 3;
  const first = places
    .slice(0, 3)
    .map(({ name }) => name)
    .join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
}

/** `12 s`, `5 min`, `3 h`, `2 days` */
export function lasting(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
