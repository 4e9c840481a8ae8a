import type { NodeAssignments, TaskAssignment } from '@gantry/model/assignment';
import { same } from '@gantry/model/same';
import type { NetworkState, TaskNetworking } from '../network/network.ts';

/** Makes what the network should be of what is assigned; what comes from the same objects as before is the same object. */
export class NetworkStates {
  readonly #lists = new WeakMap<ReadonlyMap<string, unknown>, readonly unknown[]>();
  readonly #tasks = new WeakMap<TaskAssignment, TaskNetworking>();

  of(
    wanted: NodeAssignments,
    own: Pick<NetworkState, 'subnet' | 'pools' | 'address' | 'encryption'>,
  ): NetworkState {
    return {
      ...own,
      peers: this.#listOf(wanted.peers, itself),
      endpoints: this.#listOf(wanted.endpoints, itself),
      tasks: this.#listOf(wanted.tasks, (task) => this.#networkingOf(task)),
    };
  }

  /** Made once for each map. */
  #listOf<T, R>(map: ReadonlyMap<string, T>, made: (item: T) => R): readonly R[] {
    const known = this.#lists.get(map);
    if (known) return known as readonly R[];
    const list = [...map.values()].map(made);
    this.#lists.set(map, list);
    return list;
  }

  #networkingOf(task: TaskAssignment): TaskNetworking {
    const known = this.#tasks.get(task);
    if (known) return known;
    const { taskId, stack, service, slot, networking } = task;
    const made = { taskId, stack, service, slot, networking };
    this.#tasks.set(task, made);
    return made;
  }
}

function itself<T>(item: T): T {
  return item;
}

/** True if both say the same. What is the same object in both is not looked into: most of it, after most messages. */
export function sameState(a: NetworkState, b: NetworkState): boolean {
  return (
    sameItems(a.peers, b.peers) &&
    sameItems(a.endpoints, b.endpoints) &&
    sameItems(a.tasks, b.tasks) &&
    same({ ...a, ...noItems }, { ...b, ...noItems })
  );
}

const noItems = { peers: [], endpoints: [], tasks: [] };

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((item, index) => item === b[index] || same(item, b[index]));
}
