import type { Node } from '@gantry/model/node';
import type { Revision } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import { Counts } from './counts.ts';
import { requirementOf, type Requirement } from './requirement.ts';
import { RowLog } from './row-log.ts';

/** One node by itself, with what its tasks hold. */
export interface NodeLoad {
  readonly loads: Loads;
  readonly slot: number;
}

/**
 * What the tasks on each node hold of it, as columns: a node is a row, its `slot`, in the order in which nodes came. Every
 * change of a row is told in a log, so that orders of nodes follow without looking at all of them.
 */
export class Loads {
  readonly nodes: (Node | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  cpuFree: Float64Array = new Float64Array(64);
  memoryFree: Float64Array = new Float64Array(64);
  tasks: Int32Array = new Int32Array(64);
  /** What is left of countable things, by name. */
  readonly devicesFree = new Map<string, Float64Array>();
  readonly ports = new Counts();
  readonly services = new Counts();
  /** Where tasks of an image have run: its digest. */
  readonly images = new Counts();
  /** Rows that changed. */
  readonly log = new RowLog();
  /** Counts changes of what is counted at all: a new name of a device. */
  generation = 0;

  get size(): number {
    return this.nodes.length;
  }

  slotOf(nodeId: string): number | undefined {
    return this.#slots.get(nodeId);
  }

  /** A node came or changed; what its tasks hold is kept. */
  put(node: Node): number {
    const known = this.#slots.get(node.id);
    const slot = known ?? this.nodes.length;
    if (slot >= this.cpuFree.length) this.#grow();
    const before = known === undefined ? undefined : this.nodes[known];
    this.nodes[slot] = node;
    this.#slots.set(node.id, slot);
    this.#offer(slot, before, -1);
    this.#offer(slot, node, 1);
    this.log.fit(this.nodes.length);
    this.log.push(~slot);
    return slot;
  }

  /** The node is gone; its row stays empty until the next full count. */
  remove(nodeId: string): void {
    const slot = this.#slots.get(nodeId);
    if (slot === undefined) return;
    this.#slots.delete(nodeId);
    this.nodes[slot] = undefined;
    this.log.push(~slot);
  }

  /** Counts a task of the requirement on the row, or with -1 takes it away; without one, a task that holds nothing. */
  count(slot: number, requirement: Requirement | undefined, sign: 1 | -1): void {
    this.tasks[slot] = (this.tasks[slot] ?? 0) + sign;
    if (requirement) {
      this.cpuFree[slot] = (this.cpuFree[slot] ?? 0) - sign * requirement.cpuMillis;
      this.memoryFree[slot] = (this.memoryFree[slot] ?? 0) - sign * requirement.memoryBytes;
      for (const [name, count] of requirement.devices) this.#device(name, slot, -sign * count);
      for (const port of requirement.hostPorts) this.ports.add(port, slot, sign);
      this.services.add(requirement.serviceId, slot, sign);
    }
    this.log.push(slot);
  }

  /** Counts a task that has run on the row, so that the image is there. */
  ran(slot: number, digest: string, sign: 1 | -1): void {
    this.images.add(digest, slot, sign);
    this.log.push(slot);
  }

  #offer(slot: number, node: Node | undefined, sign: 1 | -1): void {
    if (!node) return;
    const { cpuMillis, memoryBytes, devices = {} } = node.description;
    this.cpuFree[slot] = (this.cpuFree[slot] ?? 0) + sign * cpuMillis;
    this.memoryFree[slot] = (this.memoryFree[slot] ?? 0) + sign * memoryBytes;
    for (const [name, count] of Object.entries(devices)) this.#device(name, slot, sign * count);
  }

  #device(name: string, slot: number, more: number): void {
    let column = this.devicesFree.get(name);
    if (!column) {
      column = new Float64Array(this.cpuFree.length);
      this.devicesFree.set(name, column);
      this.generation++;
    }
    column[slot] = (column[slot] ?? 0) + more;
  }

  #grow(): void {
    const wider = (column: Float64Array): Float64Array => {
      const next = new Float64Array(column.length * 2);
      next.set(column);
      return next;
    };
    const tasks = new Int32Array(this.tasks.length * 2);
    tasks.set(this.tasks);
    this.tasks = tasks;
    this.cpuFree = wider(this.cpuFree);
    this.memoryFree = wider(this.memoryFree);
    for (const [name, column] of this.devicesFree) this.devicesFree.set(name, wider(column));
  }
}

/** The load of one node from the tasks that hold it. A task whose revision is gone counts as a task only. */
export function loadOf(
  node: Node,
  tasks: Iterable<Task>,
  revision: (id: string) => Revision | undefined,
): NodeLoad {
  const loads = new Loads();
  const slot = loads.put(node);
  for (const task of tasks) {
    if (isTerminal(task.status.state)) continue;
    const of = revision(task.revisionId);
    loads.count(slot, of && requirementOf(of), 1);
  }
  return { loads, slot };
}
