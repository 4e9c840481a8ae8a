import type { TaskStatus } from '@gantry/model/task';

/** Sends reports; answers with the tasks that the controller does not know. Throws if they did not arrive. */
export type SendReports = (reports: ReadonlyMap<string, TaskStatus>) => Promise<readonly string[]>;

/** Keeps the newest status of each task until the controller has acknowledged it. */
export class Reporter {
  readonly #pending = new Map<string, TaskStatus>();
  #send: SendReports | undefined;
  #sending = false;

  /** A new status: sent at once when nothing is under way, else with the next batch. */
  report(taskId: string, status: TaskStatus): void {
    this.#pending.set(taskId, status);
    this.#flush();
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
