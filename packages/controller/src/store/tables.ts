import type { ContentKind, ContentVersion } from '@gantry/model/content';
import type { NodeId, ServiceId } from '@gantry/model/ids';
import { kinds, type AnyObject, type Kind, type ObjectKinds } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import type { Revision, Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import { ObjectIndex } from './object-index.ts';
import type { Change, Derived, View } from './store.ts';

const noTasks: readonly Task[] = [];

/** The view: every object by kind and id, and the indexes that decisions and doors look up. */
export class Tables implements View {
  revision = 0;
  readonly #objects = new Map<Kind, Map<string, AnyObject>>(kinds.map((kind) => [kind, new Map()]));
  readonly #byService = new ObjectIndex<Task>((task) => task.serviceId);
  readonly #byNode = new ObjectIndex<Task>((task) => task.nodeId);
  readonly #unplaced = new ObjectIndex<Task>((task) => (isUnplaced(task) ? 'unplaced' : undefined));
  readonly #revisions = new ObjectIndex<Revision>((revision) => revision.serviceId);
  readonly #byName = new ObjectIndex<Service>(({ spec }) => `${spec.stack}/${spec.name}`);
  readonly #byStack = new ObjectIndex<Service>(({ spec }) => spec.stack);
  readonly #derived = new Map<Derived<unknown>, unknown>();
  readonly #dependents = new ObjectIndex<Service>(({ spec }) => (spec.dependsOn ? spec.stack : undefined));
  readonly #configs = new ObjectIndex<ContentVersion>(({ name }) => name);
  readonly #secrets = new ObjectIndex<ContentVersion>(({ name }) => name);
  readonly #nodesByName = new ObjectIndex<Node>((node) => node.name);

  get<K extends Kind>(kind: K, id: string): ObjectKinds[K] | undefined {
    return this.#table(kind).get(id);
  }

  all<K extends Kind>(kind: K): Iterable<ObjectKinds[K]> {
    return this.#table(kind).values();
  }

  count(kind: Kind): number {
    return this.#table(kind).size;
  }

  tasksOfService(id: ServiceId): Iterable<Task> {
    return this.#byService.get(id) ?? noTasks;
  }

  tasksOnNode(id: NodeId): Iterable<Task> {
    return this.#byNode.get(id) ?? noTasks;
  }

  unplacedTasks(): Iterable<Task> {
    return this.#unplaced.get('unplaced') ?? noTasks;
  }

  revisionsOfService(id: ServiceId): Iterable<Revision> {
    return this.#revisions.get(id) ?? [];
  }

  serviceNamed(stack: string, name: string): Service | undefined {
    return first(this.#byName.get(`${stack}/${name}`));
  }

  servicesOfStack(stack: string): Iterable<Service> {
    return this.#byStack.get(stack) ?? [];
  }

  dependentsInStack(stack: string): Iterable<Service> {
    return this.#dependents.get(stack) ?? [];
  }

  nodeNamed(name: string): Node | undefined {
    return first(this.#nodesByName.get(name));
  }

  versionsOf(kind: ContentKind, name: string): Iterable<ContentVersion> {
    return (kind === 'config' ? this.#configs : this.#secrets).get(name) ?? [];
  }

  /** Puts the object, or deletes it if absent; answers with what changed, or undefined if nothing did. */
  apply(kind: Kind, id: string, after: AnyObject | undefined): Change | undefined {
    const table = this.#objects.get(kind);
    const before = table?.get(id);
    if (!table || before === after || (before && after && before.version >= after.version)) return undefined;
    if (after) table.set(id, after);
    else table.delete(id);
    this.#reindex(kind, before, after);
    const change = changeOf(kind, id, before, after);
    for (const [derived, state] of this.#derived) derived.apply(state, change);
    return change;
  }

  derived<S>(kind: Derived<S>): S {
    const known = this.#derived.get(kind);
    if (known !== undefined) return known as S;
    const state = kind.build(this);
    this.#derived.set(kind, state);
    return state;
  }

  /** `before` and `after` are of the kind. */
  #reindex(kind: Kind, before: AnyObject | undefined, after: AnyObject | undefined): void {
    switch (kind) {
      case 'task':
        this.#byService.move(before as Task | undefined, after as Task | undefined);
        this.#byNode.move(before as Task | undefined, after as Task | undefined);
        this.#unplaced.move(before as Task | undefined, after as Task | undefined);
        return;
      case 'revision':
        return this.#revisions.move(before as Revision | undefined, after as Revision | undefined);
      case 'service':
        this.#byName.move(before as Service | undefined, after as Service | undefined);
        this.#byStack.move(before as Service | undefined, after as Service | undefined);
        this.#dependents.move(before as Service | undefined, after as Service | undefined);
        return;
      case 'node':
        return this.#nodesByName.move(before as Node | undefined, after as Node | undefined);
      case 'config':
        return this.#configs.move(before as ContentVersion | undefined, after as ContentVersion | undefined);
      case 'secret':
        return this.#secrets.move(before as ContentVersion | undefined, after as ContentVersion | undefined);
      case 'settings':
      case 'payload':
        return; // looked up by their ids only
      case 'image':
        return; // few, and looked up whole
    }
  }

  #table<K extends Kind>(kind: K): Map<string, ObjectKinds[K]> {
    return this.#objects.get(kind) as Map<string, ObjectKinds[K]>;
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

function first<T>(items: Iterable<T> | undefined): T | undefined {
  for (const item of items ?? []) return item;
  return undefined;
}
