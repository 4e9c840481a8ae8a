import type { ContentMount } from '@gantry/model/content';

/** A task, and the configs and secrets that it finds as files. */
export interface ContentsInput {
  readonly taskId: string;
  readonly mounts: readonly ContentMount[];
}

/** The bytes of one version, for a task of this host that has it. Throws `unreachable` while nobody can be asked. */
export type FetchContent = (
  taskId: string,
  content: Pick<ContentMount, 'kind' | 'source' | 'number'>,
) => Promise<Uint8Array>;

/**
 * Configs and secrets as files, a set per task. Their bytes are only in memory, and nothing of them is left after the task or
 * after a restart of the host. Implementations: in file systems in memory (`node-contents.ts`) and a map (`fake.ts`).
 */
export interface Contents {
  /**
   * Lays out the files of a task; answers where each is on the host, by its target. Idempotent, also for a later agent, which
   * asks nobody for what is there. Throws what fetching throws, and then leaves nothing that `release` would not find.
   */
  prepare(input: ContentsInput): Promise<ReadonlyMap<string, string>>;
  /** Takes them away; the container must be gone. Idempotent. */
  release(taskId: string): Promise<void>;
  /** Tasks that something is laid out for, also by an earlier agent. */
  held(): Promise<readonly string[]>;
}
