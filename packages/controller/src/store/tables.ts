import type { ContentKind, ContentVersion } from '@gantry/model/content';
import type { NodeId, ServiceId } from '@gantry/model/ids';
import type { AnyObject, Kind, ObjectKinds } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import type { Revision, Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { Change, Derived, View } from './store.ts';
import { Table, unchanged } from './table.ts';

/** The indexes of each table by their numbers. */
const ofTasks = { service: 0, node: 1, unplaced: 2 } as const;
const ofServices = { name: 0, stack: 1, dependents: 2 } as const;

/** The view: every object by kind and id, and the indexes that decisions and doors look up. */
export class Tables implements View {
  revision = 0;
  readonly #tables: { readonly [K in Kind]: Table<ObjectKinds[K]> } = {
    task: new Table<Task>([
      (task) => task.serviceId,
      (task) => task.nodeId,
      (task) => (isUnplaced(task) ? 'unplaced' : undefined),
    ]),
    service: new Table<Service>([
      ({ spec }) => `${spec.stack}/${spec.name}`,
      ({ spec }) => spec.stack,
      ({ spec }) => (spec.dependsOn ? spec.stack : undefined),
    ]),
    revision: new Table<Revision>([(revision) => revision.serviceId]),
    node: new Table<Node>([(node) => node.name]),
    settings: new Table([]),
    image: new Table([]),
    config: new Table([({ name }) => name]),
    secret: new Table([({ name }) => name]),
    payload: new Table([]),
  };
  readonly #derived: { readonly kind: Derived<unknown>; readonly state: unknown }[] = [];

  get<K extends Kind>(kind: K, id: string): ObjectKinds[K] | undefined {
    return this.#tables[kind].get(id);
  }

  all<K extends Kind>(kind: K): Iterable<ObjectKinds[K]> {
    return this.#tables[kind].all();
  }

  count(kind: Kind): number {
    return this.#tables[kind].size;
  }

  tasksOfService(id: ServiceId): Iterable<Task> {
    return this.#tables.task.under(ofTasks.service, id);
  }

  tasksOnNode(id: NodeId): Iterable<Task> {
    return this.#tables.task.under(ofTasks.node, id);
  }

  unplacedTasks(): Iterable<Task> {
    return this.#tables.task.under(ofTasks.unplaced, 'unplaced');
  }

  revisionsOfService(id: ServiceId): Iterable<Revision> {
    return this.#tables.revision.under(0, id);
  }

  serviceNamed(stack: string, name: string): Service | undefined {
    return this.#tables.service.under(ofServices.name, `${stack}/${name}`)[0];
  }

  servicesOfStack(stack: string): Iterable<Service> {
    return this.#tables.service.under(ofServices.stack, stack);
  }

  dependentsInStack(stack: string): Iterable<Service> {
    return this.#tables.service.under(ofServices.dependents, stack);
  }

  nodeNamed(name: string): Node | undefined {
    return this.#tables.node.under(0, name)[0];
  }

  versionsOf(kind: ContentKind, name: string): Iterable<ContentVersion> {
    return this.#tables[kind].under(0, name);
  }

  /** Puts the object, or deletes it if absent; answers with what changed, or undefined if nothing did. */
  apply(kind: Kind, id: string, after: AnyObject | undefined): Change | undefined {
    const before = (this.#tables[kind] as Table<AnyObject>).apply(id, after);
    if (before === unchanged) return undefined;
    const change = changeOf(kind, id, before, after);
    for (const { kind: derived, state } of this.#derived) derived.apply(state, change);
    return change;
  }

  derived<S>(kind: Derived<S>): S {
    for (const known of this.#derived) if (known.kind === kind) return known.state as S;
    const state = kind.build(this);
    this.#derived.push({ kind: kind, state });
    return state;
  }
}

/** Written out, for it is made for every event. */
function changeOf(
  kind: Kind,
  id: string,
  before: AnyObject | undefined,
  after: AnyObject | undefined,
): Change {
  if (!before) return { kind, id, after } as Change;
  return (after ? { kind, id, before, after } : { kind, id, before }) as Change;
}

/** A task that waits for a place. */
function isUnplaced(task: Task): boolean {
  const { state } = task.status;
  return task.nodeId === undefined && task.desired === 'running' && (state === 'new' || state === 'pending');
}
