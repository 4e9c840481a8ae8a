import type { NodeVolume, VolumeMount } from '@gantry/model/volume';

/** A task as its volumes are made ready for it. */
export interface VolumesInput {
  readonly taskId: string;
  readonly mounts: readonly VolumeMount[];
  /** Its mounted root: new volumes begin with what the image has at their target. */
  readonly rootfs: string;
  /** Owner of a new volume for which the image has nothing. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/**
 * What containers keep beyond themselves: named volumes of this node, directories of the host, and parts of both. The agent
 * owns named volumes; they survive their tasks. Implementations: on disk (`node-volumes.ts`) and in memory (`fake.ts`).
 */
export interface Volumes {
  /**
   * Makes everything that a task mounts ready; answers where each is on the host, by its target. Idempotent. Throws
   * `not_found` for an external volume or subpath that is not there, `not_allowed` for a path outside of what is allowed.
   */
  prepare(input: VolumesInput): Promise<ReadonlyMap<string, string>>;
  /** Lets go of what was made for a task; named volumes stay. Idempotent. */
  release(taskId: string): Promise<void>;
  /** Tasks that something is held for, also by an earlier agent. */
  held(): Promise<readonly string[]>;
  /** Volumes of this node with the tasks that use them, by name. */
  list(): Promise<readonly NodeVolume[]>;
  /** Makes an empty volume; nothing happens if it is there. */
  create(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Deletes a volume with all its data. Throws `conflict` while a task uses it, `not_found` if there is none. */
  remove(name: string): Promise<void>;
  /** Hears when a volume came or went. */
  onChange(listener: () => void): () => void;
}
