import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import { OneAtATime } from '@gantry/kit/one-at-a-time';
import { volumesOf, type BindMount, type NamedVolumeMount, type NodeVolume } from '@gantry/model/volume';
import { belowAllowed, TaskMounts } from './mounts.ts';
import { VolumeStore } from './store.ts';
import type { Volumes, VolumesInput } from './volumes.ts';

export interface NodeVolumesDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  /** Volumes are below `volumes`, what tasks mount of them below `mounts`. */
  readonly stateDir: string;
  /** Paths of this host that containers may have. */
  readonly allowBind: readonly string[];
}

/** Volumes on this host's disk. */
export async function createVolumes(deps: NodeVolumesDeps): Promise<Volumes> {
  const dirs = { volumes: join(deps.stateDir, 'volumes'), mounts: join(deps.stateDir, 'mounts') };
  for (const dir of Object.values(dirs)) await mkdir(dir, { recursive: true, mode: 0o711 });
  const store = new VolumeStore(dirs.volumes, deps.exec, deps.clock);
  await store.cleanUp();
  return new NodeVolumes(store, new TaskMounts(dirs.mounts, deps.exec), deps.allowBind);
}

class NodeVolumes implements Volumes {
  readonly #store: VolumeStore;
  readonly #mounts: TaskMounts;
  readonly #allowBind: readonly string[];
  /** Making, filling and deleting one volume; tasks that start together wait for the first to fill it. */
  readonly #turns = new OneAtATime();
  readonly #listeners = new Set<() => void>();

  constructor(store: VolumeStore, mounts: TaskMounts, allowBind: readonly string[]) {
    this.#store = store;
    this.#mounts = mounts;
    this.#allowBind = allowBind;
  }

  async prepare(input: VolumesInput): Promise<ReadonlyMap<string, string>> {
    const { taskId, mounts } = input;
    const names = volumesOf({ volumes: mounts });
    // Before the volumes are made, so that none is deleted between that and the container's start.
    if (mounts.some(({ kind }) => kind !== 'tmpfs')) await this.#mounts.keepNames(taskId, names);
    const sources = new Map<string, string>();
    for (const [index, mount] of mounts.entries()) {
      if (mount.kind === 'volume') sources.set(mount.target, await this.#volume(input, mount, index));
      else if (mount.kind === 'bind') sources.set(mount.target, await this.#bind(taskId, mount, index));
    }
    return sources;
  }

  async #volume(input: VolumesInput, mount: NamedVolumeMount, index: number): Promise<string> {
    const { source, target, subpath } = mount;
    if (source === undefined) return this.#mounts.ownDirectory(input.taskId, index);
    await this.#turns.run(source, async () => {
      if (mount.external && !(await this.#store.read(source))) throw missing(source, 'it is external');
      if (await this.#store.create(source, mount.labels ?? {})) this.#changed();
      if (!mount.noCopy && subpath === undefined) await this.#store.fill(source, { ...input, target });
    });
    if (subpath === undefined) return this.#store.data(source);
    const pinned = await this.#mounts.pin(input.taskId, index, this.#store.data(source), subpath, 'inside');
    if (pinned !== undefined) return pinned;
    throw new GantryError('not_found', `volume ${source} has no ${subpath}`, {
      hint: 'make the directory first, or leave subpath out',
    });
  }

  async #bind(taskId: string, mount: BindMount, index: number): Promise<string> {
    const source = mount.subpath === undefined ? mount.source : join(mount.source, mount.subpath);
    const { root, rest } = await belowAllowed(source, this.#allowBind, mount.createSource);
    const pinned = await this.#mounts.pin(taskId, index, root, rest, 'refuse');
    if (pinned !== undefined) return pinned;
    throw new GantryError('not_found', `this host has no ${source}`, {
      hint: 'make it, or write create_host_path: true',
    });
  }

  release(taskId: string): Promise<void> {
    return this.#mounts.release(taskId);
  }

  held(): Promise<readonly string[]> {
    return this.#mounts.tasks();
  }

  async list(): Promise<readonly NodeVolume[]> {
    const users = await this.#users();
    const names = await this.#store.names();
    const volumes = await Promise.all(
      names.map(async (name): Promise<readonly NodeVolume[]> => {
        const file = await this.#store.read(name);
        return file ? [{ name, ...file, usedBy: users.get(name) ?? [] }] : [];
      }),
    );
    return volumes.flat();
  }

  async #users(): Promise<ReadonlyMap<string, readonly string[]>> {
    const users = new Map<string, string[]>();
    for (const taskId of [...(await this.#mounts.tasks())].sort()) {
      for (const name of new Set(await this.#mounts.names(taskId)))
        users.set(name, [...(users.get(name) ?? []), taskId]);
    }
    return users;
  }

  async create(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    if (await this.#turns.run(name, () => this.#store.create(name, labels))) this.#changed();
  }

  async remove(name: string): Promise<void> {
    await this.#turns.run(name, async () => {
      if (!(await this.#store.read(name))) throw missing(name);
      const [user] = (await this.#users()).get(name) ?? [];
      if (user !== undefined) {
        throw new GantryError('conflict', `volume ${name} is used by task ${user}`, {
          hint: 'remove the service first',
        });
      }
      await this.#store.remove(name);
    });
    this.#changed();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function missing(name: string, why?: string): GantryError {
  return new GantryError(
    'not_found',
    `there is no volume ${name} on this node${why === undefined ? '' : `, and ${why}`}`,
    { hint: `leave external out: then the volume is made here, and kept` },
  );
}
