import type { Clock } from '@gantry/kit/clock';
import type { Pools } from '@gantry/model/addresses';
import type { TaskAssignment } from '@gantry/model/assignment';
import type { NodeId } from '@gantry/model/ids';
import type { AssignmentsMessage } from '@gantry/proto/gen/gantry/v1/agent';
import type { View } from '../store/store.ts';
import type { Rounds } from './rounds.ts';
import { desiredOnNode, encryptionAssignment } from './assignments.ts';
import type { TaskForms } from './task-forms.ts';

/** Where messages for one node go; `write` answers false when it is full, `onDrain` hears when it is not. */
export interface Outlet {
  /** Ends the node's stream; it will ask again for everything. */
  end(): void;
  write(message: AssignmentsMessage): boolean;
  onDrain(listener: () => void): void;
}

/** What a subscriber asks of the feed. */
export interface SubscriberDeps {
  readonly nodeId: NodeId;
  readonly outlet: Outlet;
  /** True while no other controller can lead. */
  readonly leads: () => boolean;
  /** The cluster's addresses. */
  readonly pools: Pools;
  readonly forms: Pick<TaskForms, 'of'>;
  readonly view: View;
  readonly soon: Clock['soon'];
  /** What all hosts are told alike; a message contains all rounds up to the last. */
  readonly rounds: Pick<Rounds, 'round' | 'complete' | 'since'>;
  /** True if somebody waits for this node to say that it has applied what it is sent. */
  readonly awaited: () => boolean;
  /** True while the order to stop this task is held back. */
  readonly held: (taskId: string) => boolean;
}

interface SentTask {
  readonly desired: TaskAssignment['desired'];
  readonly common: Buffer;
}

/** One node's stream: what it was sent, and what it has to hear of. */
export class Subscriber {
  readonly #deps: SubscriberDeps;
  /** What was sent of each task. */
  readonly #sent = new Map<string, SentTask>();
  /** Tasks to look at, and whether what it hears of itself may be another. */
  readonly #dirty = { tasks: new Set<string>(), self: false };
  /** The last round that was sent. */
  #round = 0;
  #subnet: string | undefined;
  #encryption = '';
  #sequence = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  /** The next message says everything. */
  #complete = false;

  /** Sequences that the node was asked to acknowledge, each with the round it contains. */
  #asked: { readonly sequence: number; readonly round: number }[] = [];

  constructor(deps: SubscriberDeps) {
    this.#deps = deps;
    deps.outlet.onDrain(() => {
      this.#blocked = false;
      this.#schedule();
    });
  }

  sendComplete(): void {
    for (const { id } of this.#deps.view.tasksOnNode(this.#deps.nodeId)) this.#dirty.tasks.add(id);
    this.#dirty.self = true;
    this.#complete = true;
    this.#schedule();
  }

  touchTask(id: string): void {
    this.#dirty.tasks.add(id);
    this.#schedule();
  }

  /** What the node hears of itself may be another now. */
  touchSelf(): void {
    this.#dirty.self = true;
    this.#schedule();
  }

  /** A new round is there. */
  nudge(): void {
    this.#schedule();
  }

  /** The node has applied everything up to this sequence; answers with the newest round in it, if one was asked for. */
  applied(sequence: number): number | undefined {
    const done = this.#asked.filter((asked) => asked.sequence <= sequence);
    this.#asked = this.#asked.filter((asked) => asked.sequence > sequence);
    return done.at(-1)?.round;
  }

  close(): void {
    this.#closed = true;
  }

  /** Changes of one turn of the event loop go together; while the wire is full they pile up as keys, not as messages. */
  #schedule(): void {
    if (this.#scheduled || this.#blocked || this.#closed) return;
    this.#scheduled = true;
    this.#deps.soon(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      if (this.#deps.leads()) this.#flush();
      else this.#deps.outlet.end();
    });
  }

  #flush(): void {
    const complete = this.#complete;
    this.#complete = false;
    const message: AssignmentsMessage = {
      sequence: this.#sequence + 1,
      complete,
      subnet: undefined,
      pools: complete ? this.#deps.pools : undefined,
      encryption: undefined,
      tasks: [],
      removedTasks: [],
      acknowledge: this.#deps.awaited(),
      rounds: this.#rounds(complete),
    };
    for (const id of this.#dirty.tasks) this.#addTask(message, id);
    if (this.#dirty.self) this.#addSelf(message);
    this.#dirty.tasks.clear();
    this.#dirty.self = false;
    if (!complete && !message.acknowledge && isEmpty(message)) return;
    this.#sequence++;
    if (message.acknowledge) this.#asked.push({ sequence: this.#sequence, round: this.#round });
    this.#blocked = !this.#deps.outlet.write(message);
  }

  #rounds(complete: boolean): Buffer[] {
    const { rounds } = this.#deps;
    const missed = complete ? [rounds.complete()] : [...rounds.since(this.#round)];
    this.#round = rounds.round;
    return missed;
  }

  #addTask(message: AssignmentsMessage, id: string): void {
    const task = this.#deps.view.get('task', id);
    const common = task?.nodeId === this.#deps.nodeId ? this.#deps.forms.of(task) : undefined;
    if (!task || !common) {
      if (this.#sent.delete(id)) message.removedTasks.push(id);
      return;
    }
    // It may still get traffic: until no host sends it any, it goes on as if nothing had been said.
    const desired = this.#deps.held(id) ? 'running' : desiredOnNode(task);
    const sent = this.#sent.get(id);
    if (sent?.desired === desired && (sent.common === common || sent.common.equals(common))) return;
    this.#sent.set(id, { desired, common });
    message.tasks.push({ taskId: id, slot: task.slot, desired, common });
  }

  /** What the node hears of itself. */
  #addSelf(message: AssignmentsMessage): void {
    const node = this.#deps.view.get('node', this.#deps.nodeId);
    if (!node) return;
    if (node.subnet !== this.#subnet) message.subnet = this.#subnet = node.subnet;
    const encryption = encryptionAssignment(this.#deps.view, node);
    const text = JSON.stringify(encryption ?? '');
    if (text === this.#encryption) return;
    this.#encryption = text;
    message.encryption = encryption;
  }
}

function isEmpty(message: AssignmentsMessage): boolean {
  if (message.subnet !== undefined || message.encryption !== undefined) return false;
  return [message.tasks, message.removedTasks, message.rounds].every((list) => list.length === 0);
}
