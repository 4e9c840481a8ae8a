import type { Logger } from '@gantry/kit/log';
import { GantryError } from '@gantry/kit/errors';
import type { NodeId, TaskId } from '@gantry/model/ids';
import { isTerminal, mayBecome, type Task, type TaskStatus } from '@gantry/model/task';
import type { Store, Write } from '../store/store.ts';

interface Report {
  readonly nodeId: NodeId;
  readonly taskId: TaskId;
  readonly status: TaskStatus;
  readonly done: (error?: GantryError) => void;
}

/** Reports of one commit. */
const batchSize = 100;
/** Conflicts with the reconcilers' own writes are settled by looking again this often. */
const maxAttempts = 8;

/** Takes the agents' reports into the store: at once when idle, many in one commit under load. */
export class Intake {
  readonly #store: Store;
  readonly #log: Logger;
  #waiting: Report[] = [];
  #busy = false;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Resolves once all are in the store, with the tasks that are not known; rejects if they could not be stored. */
  async take(nodeId: NodeId, statuses: ReadonlyMap<TaskId, TaskStatus>): Promise<readonly TaskId[]> {
    const view = this.#store.view();
    const unknown: TaskId[] = [];
    const stored: Promise<void>[] = [];
    for (const [taskId, status] of statuses) {
      if (view.get('task', taskId)) stored.push(this.#enqueue(nodeId, taskId, status));
      else unknown.push(taskId);
    }
    await Promise.all(stored);
    return unknown;
  }

  #enqueue(nodeId: NodeId, taskId: TaskId, status: TaskStatus): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: GantryError): void => (error ? reject(error) : resolve());
      this.#waiting.push({ nodeId, taskId, status, done });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    // What else arrives in this turn of the event loop goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      const error = await this.#commit(batch).catch((cause: unknown) => {
        this.#log.error('reports could not be taken in', { error: String(cause) });
        return new GantryError('internal', 'the reports could not be taken in', { cause });
      });
      for (const { done } of batch) done(error);
    }
    this.#busy = false;
  }

  /** The first report of each of the first tasks; a newer one of the same task waits, before those that came after. */
  #nextBatch(): readonly Report[] {
    const first = this.#waiting.slice(0, batchSize);
    const batch = distinct(first);
    const taken = new Set(batch);
    this.#waiting.splice(0, batchSize, ...first.filter((report) => !taken.has(report)));
    return batch;
  }

  async #commit(batch: readonly Report[]): Promise<GantryError | undefined> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const writes = batch.flatMap((report) => this.#write(report) ?? []);
      if (writes.length === 0) return undefined;
      const result = await this.#store.commit(writes);
      if (result.ok) return undefined;
      if (result.why === 'not_leader') return new GantryError('not_leader', 'this controller does not lead');
      if (result.why === 'unavailable') return new GantryError('unreachable', `etcd: ${result.message}`);
    }
    return new GantryError('internal', 'the reports met other writes again and again');
  }

  #write({ nodeId, taskId, status }: Report): Write | undefined {
    const task = this.#store.view().get('task', taskId);
    if (task?.nodeId !== nodeId || !isNews(task, status)) return undefined;
    return { op: 'put', object: { ...task, status } };
  }
}

/**
 * Forward, and not what is known already. What was said of an end stands: an agent tells it while it keeps it, and the next one, on a
 * host that lost power meanwhile, knows less.
 */
function isNews(task: Task, status: TaskStatus): boolean {
  if (isTerminal(task.status.state) || !mayBecome(task.status.state, status.state)) return false;
  if (task.status.state !== status.state) return true;
  return (
    JSON.stringify(sorted(task.status)) !== JSON.stringify(sorted(status)) && status.at >= task.status.at
  );
}

function sorted(status: TaskStatus): readonly unknown[] {
  return Object.entries(status).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The newest report of each task; older ones of the same task are answered by it. */
function distinct(reports: readonly Report[]): readonly Report[] {
  const seen = new Set<TaskId>();
  return reports.filter(({ taskId }) => (seen.has(taskId) ? false : seen.add(taskId)));
}
