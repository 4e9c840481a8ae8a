import type { TaskRecord } from '../task/record.ts';
import type { AgentDisk } from './disk.ts';

/** A disk in memory, which outlives an agent as a real one does: for the simulator and hollow nodes. */
export class MemoryDisk implements AgentDisk {
  readonly tasks = new Map<string, TaskRecord>();
  readonly #values = new Map<string, unknown>();
  #nodeId: string | undefined;

  nodeId(make: () => string): Promise<string> {
    this.#nodeId ??= make();
    return Promise.resolve(this.#nodeId);
  }

  records(): Promise<readonly TaskRecord[]> {
    return Promise.resolve([...this.tasks.values()]);
  }

  save(record: TaskRecord): Promise<void> {
    this.tasks.set(record.assignment.taskId, record);
    return Promise.resolve();
  }

  saveLater(record: TaskRecord): void {
    this.tasks.set(record.assignment.taskId, record);
  }

  saveUnsaved(): Promise<void> {
    return Promise.resolve();
  }

  remove(taskId: string): Promise<void> {
    this.tasks.delete(taskId);
    return Promise.resolve();
  }

  load<T>(name: string): Promise<T | undefined> {
    return Promise.resolve(this.#values.get(name) as T | undefined);
  }

  keep(name: string, value: unknown): Promise<void> {
    this.#values.set(name, value);
    return Promise.resolve();
  }
}
