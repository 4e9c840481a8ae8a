import type { NodeId, ServiceId } from '@gantry/model/ids';
import { kinds, type AnyObject, type Kind, type ObjectKinds } from '@gantry/model/objects';
import type { Node } from '@gantry/model/node';
import type { Revision, Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import { ObjectIndex } from './object-index.ts';
import type { Change, View } from './store.ts';

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

  nodeNamed(name: string): Node | undefined {
    return first(this.#nodesByName.get(name));
  }

  /** Puts the object, or deletes it if absent; answers with what changed, or undefined if nothing did. */
  apply(kind: Kind, id: string, after: AnyObject | undefined): Change | undefined {
    const table = this.#objects.get(kind);
    const before = table?.get(id);
    if (!table || before === after || (before && after && before.version >= after.version)) return undefined;
    if (after) table.set(id, after);
    else table.delete(id);
    this.#reindex(before, after);
    return { kind, id, ...(before && { before }), ...(after && { after }) } as Change;
  }

  #reindex(before: AnyObject | undefined, after: AnyObject | undefined): void {
    for (const object of [before, after]) {
      const [remove, add] = object === before ? [object, undefined] : [undefined, object];
      switch (object?.kind) {
        case 'task':
          for (const index of [this.#byService, this.#byNode, this.#unplaced]) {
            index.move(remove as Task | undefined, add as Task | undefined);
          }
          break;
        case 'revision':
          this.#revisions.move(remove as Revision | undefined, add as Revision | undefined);
          break;
        case 'service':
          for (const index of [this.#byName, this.#byStack]) {
            index.move(remove as Service | undefined, add as Service | undefined);
          }
          break;
        case 'node':
          this.#nodesByName.move(remove as Node | undefined, add as Node | undefined);
          break;
        case undefined:
          break;
      }
    }
  }

  #table<K extends Kind>(kind: K): Map<string, ObjectKinds[K]> {
    return this.#objects.get(kind) as Map<string, ObjectKinds[K]>;
  }
}

/** A task that waits for a place. */
function isUnplaced(task: Task): boolean {
  return (
    task.nodeId === undefined && task.desired === 'running' && ['new', 'pending'].includes(task.status.state)
  );
}

function first<T>(items: Iterable<T> | undefined): T | undefined {
  for (const item of items ?? []) return item;
  return undefined;
}
