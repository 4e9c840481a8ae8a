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
      peers: this.#listOf(wanted.peers),
      endpoints: this.#listOf(wanted.endpoints),
      tasks: [...wanted.tasks.values()].map((task) => this.#networkingOf(task)),
    };
  }

  #listOf<T>(map: ReadonlyMap<string, T>): readonly T[] {
    const known = this.#lists.get(map);
    if (known) return known as readonly T[];
    const list = [...map.values()];
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
