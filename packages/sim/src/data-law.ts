import type { Change, View } from '@gantry/controller/store/store';
import type { Node } from '@gantry/model/node';
import { boundTo, type Task } from '@gantry/model/task';
import { holdsVolume, volumesOf } from '@gantry/model/volume';
import { Broken } from './laws.ts';

type TaskChange = Change & { kind: 'task' };

/**
 * Tasks go to their data (ADR 15): one that is bound is placed there and nowhere else, and none with a named volume is made
 * free to go anywhere while a host that is ready holds such data and no task of its service. What came about within `staleMs`
 * a decision need not know yet.
 */
export class DataLaw {
  readonly #staleMs: number;
  /** Since when each node has been ready, holding what it holds, with the tasks it has; ms of the world. */
  readonly #since = new Map<string, number>();

  constructor(staleMs: number) {
    this.#staleMs = staleMs;
  }

  /** Throws Broken. `age`: ms of the world; `view` shows the change already. */
  check(change: Change, view: View, age: number): void {
    if (change.kind === 'node') this.#noteNode(change, age);
    if (change.kind !== 'task') return;
    checkBound(change);
    if (!change.before && change.after) this.#checkBirth(change.after, view, age);
    for (const task of [change.before, change.after]) this.#note(task && boundTo(task), age);
  }

  #noteNode({ id, before, after }: Change & { kind: 'node' }, age: number): void {
    if (facing(before) !== facing(after)) this.#note(id, age);
  }

  #note(nodeId: string | undefined, age: number): void {
    if (nodeId !== undefined) this.#since.set(nodeId, age);
  }

  #checkBirth(task: Task, view: View, age: number): void {
    const revision = view.get('revision', task.revisionId);
    const names = revision ? volumesOf(revision.container) : [];
    if (names.length === 0 || boundTo(task) !== undefined) return;
    const taken = new Set([...view.tasksOfService(task.serviceId)].map(boundTo));
    for (const node of view.all('node')) {
      const known = age - (this.#since.get(node.id) ?? age) > this.#staleMs;
      const name = names.find((one) => holdsVolume(node.volumes, one));
      if (name === undefined || !known || node.state !== 'ready' || taken.has(node.id)) continue;
      throw new Broken(`task ${task.id} may go anywhere while ${node.name} holds its volume ${name}`);
    }
  }
}

function checkBound({ id, before, after }: TaskChange): void {
  const only = before?.only ?? after?.only;
  if (only !== undefined && after?.nodeId !== undefined && after.nodeId !== only)
    throw new Broken(`task ${id} is bound to ${only}, and was placed on ${after.nodeId}`);
}

function facing(node: Node | undefined): string {
  const held = node?.volumes?.held.map(({ name }) => name) ?? [];
  return `${node?.state ?? ''} ${held.join(' ')}`;
}
