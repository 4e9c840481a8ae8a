import type { Clock } from '@gantry/kit/clock';
import type { TaskStatus } from '@gantry/model/task';

/** Sends reports; answers with the tasks that the controller does not know. Throws if they did not arrive. */
export type SendReports = (reports: ReadonlyMap<string, TaskStatus>) => Promise<readonly string[]>;

/**
 * A state on the way to running may be over in no time: it waits this long, ms, and what follows within goes in its place. It is
 * still told before the container's process begins, so that others know its address by then.
 */
const passingMs = 20;
const passing: ReadonlySet<TaskStatus['state']> = new Set(['assigned', 'preparing', 'starting']);

/** Keeps the newest status of each task until the controller has acknowledged it. */
export class Reporter {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #pending = new Map<string, TaskStatus>();
  #send: SendReports | undefined;
  #sending = false;
  #waits = false;

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** A new status: sent at once when nothing is under way, else with the next batch; one that will pass, a little later. */
  report(taskId: string, status: TaskStatus): void {
    this.#pending.set(taskId, status);
    if (!passing.has(status.state)) return this.#flush();
    if (this.#waits || this.#sending) return;
    this.#waits = true;
    this.#clock.after(passingMs, () => {
      this.#waits = false;
      this.#flush();
    });
  }

  /** A session begins: `all` is said anew, then every change. Without one, statuses are kept. */
  connected(send: SendReports, all: ReadonlyMap<string, TaskStatus>): void {
    for (const [id, status] of all) if (!this.#pending.has(id)) this.#pending.set(id, status);
    this.#send = send;
    this.#flush();
  }

  disconnected(): void {
    this.#send = undefined;
  }

  #flush(): void {
    const send = this.#send;
    if (this.#sending || !send || this.#pending.size === 0) return;
    this.#sending = true;
    const batch = new Map([...this.#pending].slice(0, maxBatch));
    send(batch).then(
      () => this.#acknowledged(batch),
      () => this.#failed(send),
    );
  }

  #acknowledged(batch: ReadonlyMap<string, TaskStatus>): void {
    for (const [id, status] of batch) if (this.#pending.get(id) === status) this.#pending.delete(id);
    this.#sending = false;
    this.#flush();
  }

  /** What did not arrive stays; the link opens a new session and begins with it. */
  #failed(send: SendReports): void {
    this.#sending = false;
    if (this.#send === send) this.#send = undefined;
    else this.#flush();
  }
}

const maxBatch = 500;
