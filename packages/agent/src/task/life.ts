import type { Clock } from '@gantry/kit/clock';
import type { TaskStatus } from '@gantry/model/task';
import type { TaskAssignment } from '@gantry/model/assignment';
import { liveLimits, withLiveLimits } from '@gantry/model/limits';
import { same } from '@gantry/model/same';
import type { ContainerState } from '../runtime/runtime.ts';
import type { Prepared } from './host-parts.ts';
import { statusAfter, type StatusChange, type TaskRecord } from './record.ts';

export interface LifeDeps {
  readonly clock: Clock;
  /** Keeps what is known; resolves once it is on disk. */
  readonly save: (record: TaskRecord) => Promise<void>;
  /** Keeps it as soon as the disk takes it again. */
  readonly saveLater: (record: TaskRecord) => void;
  /** Tells the controller, now or later. */
  readonly report: (taskId: string, status: TaskStatus) => void;
}

/** All that is known of one task on this host; what the next agent must know is kept on disk before it is told. */
export class TaskLife {
  readonly #deps: LifeDeps;
  #record: TaskRecord;
  container: ContainerState | undefined;
  prepared: Prepared | undefined;
  /** Limits the running container should be given: those of its record are what it has. */
  newLimits: TaskAssignment | undefined;
  /** Its connections have ended, or have had their time to. */
  drained = false;
  /** When the stop signal was sent, monotonic ms. */
  stopSentAt: number | undefined;

  constructor(deps: LifeDeps, record: TaskRecord, container: ContainerState | undefined) {
    this.#deps = deps;
    this.#record = record;
    this.container = container;
  }

  get record(): TaskRecord {
    return this.#record;
  }

  get taskId(): string {
    return this.#record.assignment.taskId;
  }

  /** New words of the controller. A record holds the limits that its container has: new ones stand beside it until given. */
  assigned(assignment: TaskAssignment): void {
    const old = liveLimits(this.#record.assignment.container);
    this.newLimits = same(old, liveLimits(assignment.container)) ? undefined : assignment;
    this.note({ assignment: { ...assignment, container: withLiveLimits(assignment.container, old) } });
  }

  /**
   * A new status, kept and told; with facts of the record that change along. A disk that takes nothing delays the keeping
   * only: what has happened has happened, and the next agent would find it out from the container.
   */
  async become(
    change: StatusChange,
    facts: Partial<TaskRecord> = {},
    at = this.#deps.clock.now(),
  ): Promise<void> {
    const status = statusAfter(this.#record.status, change, at);
    await this.keep({ ...facts, status }).catch(() => this.#deps.saveLater(this.#record));
    this.#deps.report(this.taskId, status);
  }

  /** The same, for what the next agent would find out by itself, and say in the same words: told while it is being kept. */
  async becomeEnded(change: StatusChange, at = this.#deps.clock.now()): Promise<void> {
    const status = statusAfter(this.#record.status, change, at);
    const kept = this.keep({ status });
    this.#deps.report(this.taskId, status);
    await kept.catch(() => this.#deps.saveLater(this.#record));
  }

  /** The same, for what must be on disk before anything is done about it; throws if it cannot be. */
  async becomeKept(change: StatusChange, facts: Partial<TaskRecord>): Promise<void> {
    const status = statusAfter(this.#record.status, change, this.#deps.clock.now());
    await this.keep({ ...facts, status });
    this.#deps.report(this.taskId, status);
  }

  /** A state of a few ms: told, and kept on disk by the next one. */
  tell(change: StatusChange): void {
    const status = statusAfter(this.#record.status, change, this.#deps.clock.now());
    this.note({ status });
    this.#deps.report(this.taskId, status);
  }

  /** Facts for the next time that the record is kept. */
  note(facts: Partial<TaskRecord>): void {
    this.#record = { ...this.#record, ...facts };
  }

  async keep(facts: Partial<TaskRecord>): Promise<void> {
    this.note(facts);
    await this.#deps.save(this.#record);
  }
}
