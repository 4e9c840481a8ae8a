import { GantryError } from '@gantry/kit/errors';
import type { NodeVolume } from '@gantry/model/volume';
import type { Volumes, VolumesInput } from './volumes.ts';

/** Volumes in memory: for unit tests, the simulator and hollow nodes. */
export class FakeVolumes implements Volumes {
  readonly #volumes = new Map<string, Readonly<Record<string, string>>>();
  readonly #uses = new Map<string, readonly string[]>();
  readonly #listeners = new Set<() => void>();

  prepare({ taskId, mounts }: VolumesInput): Promise<ReadonlyMap<string, string>> {
    const names: string[] = [];
    for (const mount of mounts) {
      if (mount.kind !== 'volume' || mount.source === undefined) continue;
      if (mount.external && !this.#volumes.has(mount.source)) return Promise.reject(missing(mount.source));
      void this.create(mount.source, mount.labels ?? {});
      names.push(mount.source);
    }
    this.#uses.set(taskId, names);
    const sources = mounts.flatMap((mount): [string, string][] =>
      mount.kind === 'tmpfs' ? [] : [[mount.target, `/volumes/${mount.source ?? taskId}`]],
    );
    return Promise.resolve(new Map(sources));
  }

  release(taskId: string): Promise<void> {
    this.#uses.delete(taskId);
    return Promise.resolve();
  }

  held(): Promise<readonly string[]> {
    return Promise.resolve([...this.#uses.keys()]);
  }

  list(): Promise<readonly NodeVolume[]> {
    const volumes = [...this.#volumes].map(([name, labels]) => ({
      name,
      labels,
      createdAt: 0,
      usedBy: this.#usersOf(name),
    }));
    return Promise.resolve(volumes.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  create(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    if (this.#volumes.has(name)) return Promise.resolve();
    this.#volumes.set(name, labels);
    this.#changed();
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    const [user] = this.#usersOf(name);
    if (!this.#volumes.has(name)) return Promise.reject(missing(name));
    if (user !== undefined)
      return Promise.reject(new GantryError('conflict', `volume ${name} is used by task ${user}`));
    this.#volumes.delete(name);
    this.#changed();
    return Promise.resolve();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #usersOf(name: string): readonly string[] {
    return [...this.#uses].filter(([, names]) => names.includes(name)).map(([taskId]) => taskId);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function missing(name: string): GantryError {
  return new GantryError('not_found', `there is no volume ${name} on this node`);
}
