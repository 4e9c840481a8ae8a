import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { TaskRecord } from '../task/record.ts';
import { DiskWrites } from './disk-writes.ts';

/** Version of the files' form; what is newer is left alone. */
const schemaVersion = 1;

/** What an agent keeps between its lives: its id, a record per task, what it last knew of the cluster. */
export interface AgentDisk {
  /** The id of this node: made once, by `make`, and kept. */
  nodeId(make: () => string): Promise<string>;
  /** Every readable record. A file that cannot be read is put aside, with words, and harms no other task. */
  records(): Promise<readonly TaskRecord[]>;
  /** Resolves once the record is kept, whole. Throws `exhausted` (it may work later) when the disk takes nothing. */
  save(record: TaskRecord): Promise<void>;
  /** Keeps a record that the disk would not take for the next `saveUnsaved`. */
  saveLater(record: TaskRecord): void;
  /** Saves what has been kept for later; throws as `save` does. */
  saveUnsaved(): Promise<void>;
  remove(taskId: string): Promise<void>;
  /** Any small value kept by name, e.g. what the network last looked like. Undefined if it was never kept. */
  load<T>(name: string): Promise<T | undefined>;
  keep(name: string, value: unknown): Promise<void>;
}

/** The agent's disk as files of its state directory. */
export class Disk implements AgentDisk {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #unsaved = new Map<string, TaskRecord>();
  readonly #writes: DiskWrites;

  constructor(stateDir: string, log: Logger, clock: Clock) {
    this.#dir = stateDir;
    this.#log = log;
    this.#writes = new DiskWrites(clock);
  }

  /** A write is overdue: nothing more is tried until it has ended. */
  get hung(): boolean {
    return this.#writes.hung;
  }

  async open(): Promise<void> {
    for (const dir of [this.#dir, this.#tasks]) await mkdir(dir, { recursive: true, mode: 0o711 });
    // Half-written files of an agent that was killed: the whole ones beside them count.
    const halves = (await readdir(this.#tasks)).filter((name) => name.endsWith('.tmp'));
    await Promise.all(halves.map((name) => rm(join(this.#tasks, name), { force: true })));
  }

  async nodeId(make: () => string): Promise<string> {
    const file = join(this.#dir, 'node-id');
    const known = (await readFile(file, 'utf8').catch(() => '')).trim();
    if (/^[0-9a-z]{12}$/.test(known)) return known;
    const id = make();
    await writeAtomically(file, `${id}\n`);
    return id;
  }

  async records(): Promise<readonly TaskRecord[]> {
    const names = (await readdir(this.#tasks)).filter((name) => name.endsWith('.json'));
    const records = await Promise.all(names.map((name) => this.#record(name)));
    return records.flatMap((record) => record ?? []);
  }

  async #record(name: string): Promise<TaskRecord | undefined> {
    const file = join(this.#tasks, name);
    try {
      const { schema, ...record } = JSON.parse(await readFile(file, 'utf8')) as TaskRecord & {
        schema: number;
      };
      if (schema > schemaVersion) throw new Error(`it has schema ${schema}, newer than this agent knows`);
      if (`${record.assignment.taskId}.json` !== name) throw new Error('it is of another task');
      return record;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined; // removed since the directory was read
      const aside = join(this.#dir, 'quarantine', basename(name));
      this.#log.error('a task file cannot be read and was put aside', { file, aside, error: String(error) });
      await mkdir(join(this.#dir, 'quarantine'), { recursive: true });
      await rename(file, aside);
      return undefined;
    }
  }

  async save(record: TaskRecord): Promise<void> {
    const { taskId } = record.assignment;
    const file = join(this.#tasks, `${taskId}.json`);
    const text = JSON.stringify({ schema: schemaVersion, ...record });
    await this.#writes.run(() => writeAtomically(file, text));
    this.#unsaved.delete(taskId);
  }

  saveLater(record: TaskRecord): void {
    this.#unsaved.set(record.assignment.taskId, record);
  }

  async saveUnsaved(): Promise<void> {
    for (const record of [...this.#unsaved.values()]) await this.save(record);
  }

  async remove(taskId: string): Promise<void> {
    this.#unsaved.delete(taskId);
    await this.#writes.run(() => rm(join(this.#tasks, `${taskId}.json`), { force: true }));
  }

  async load<T>(name: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#dir, `${name}.json`), 'utf8')) as T;
    } catch {
      return undefined;
    }
  }

  keep(name: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    return this.#writes.run(() => writeAtomically(join(this.#dir, `${name}.json`), text));
  }

  get #tasks(): string {
    return join(this.#dir, 'tasks');
  }
}

/** Whole or not at all, for a reader and after a crash of this process. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw diskError(cause);
  }
}

/** Why the disk takes nothing, in words; it may take it later. */
export function diskError(cause: unknown): GantryError {
  const words =
    diskWords[codeOf(cause)] ??
    `cannot be written (${cause instanceof Error ? cause.message : String(cause)})`;
  return new GantryError('exhausted', `the disk of the state directory ${words}`, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

const diskWords: Readonly<Record<string, string>> = {
  ENOSPC: 'is full',
  EDQUOT: 'is full (quota)',
  EROFS: 'is read-only',
  EIO: 'has errors',
};
