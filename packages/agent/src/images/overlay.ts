import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';

export interface OverlayDeps {
  readonly exec: Exec;
  /** `<rootfsDir>/<id>/{upper,work,merged}`. */
  readonly rootfsDir: string;
  /** Unpacked layers; `mount` runs here, so that its options name them shortly. */
  readonly layersDir: string;
}

/** Mounts root file systems: shared layers below, a layer of the container's own on top. */
export class Overlay {
  readonly #deps: OverlayDeps;

  constructor(deps: OverlayDeps) {
    this.#deps = deps;
  }

  /** The mounted root of a container over `layers` (names below `layersDir`, lowest first); idempotent. */
  async mount(id: string, layers: readonly string[]): Promise<string> {
    const dir = join(this.#deps.rootfsDir, id);
    const [upper, work, merged] = [join(dir, 'upper'), join(dir, 'work'), join(dir, 'merged')];
    const fresh = await mkdir(dir, { mode: 0o755 }).then(
      () => true,
      () => false, // there already, or a directory above it is not: the next one knows
    );
    if (!fresh && (await isMounted(merged))) return merged;
    await Promise.all([upper, work, merged].map((path) => mkdir(path, { recursive: true, mode: 0o755 })));
    const options = `lowerdir=${[...layers].reverse().join(':')},upperdir=${upper},workdir=${work}`;
    if (options.length > 4_000) {
      throw new GantryError(
        'image_refused',
        `the image has ${layers.length} layers, more than one mount can hold`,
      );
    }
    const argv = ['mount', '-t', 'overlay', 'overlay', '-o', options, merged];
    const result = await this.#deps.exec(argv, { cwd: this.#deps.layersDir });
    if (result.code !== 0)
      throw new GantryError('internal', `the root could not be mounted: ${result.stderr.trim()}`);
    return merged;
  }

  /** Unmounts the container's root and deletes what it wrote; idempotent. */
  async unmount(id: string): Promise<void> {
    const dir = join(this.#deps.rootfsDir, id);
    const merged = join(dir, 'merged');
    if (await isMounted(merged)) {
      const result = await this.#deps.exec(['umount', merged]);
      // Something still holds it: let it go when that ends.
      if (result.code !== 0) await this.#deps.exec(['umount', '--lazy', merged]);
    }
    if (await isMounted(merged)) throw new GantryError('internal', `${merged} cannot be unmounted`);
    await rm(dir, { recursive: true, force: true });
  }

  /** Names of the layers that are mounted below some container. */
  async layersInUse(): Promise<ReadonlySet<string>> {
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
    const ours = mounts.filter((line) => line.includes(` ${this.#deps.rootfsDir}/`));
    return new Set(
      ours.flatMap((line) => (/[ ,]lowerdir=([^, ]*)/.exec(line)?.[1] ?? '').split(':')).map(lastName),
    );
  }

  /** Containers that have a root, mounted or not. */
  async list(): Promise<readonly string[]> {
    return readdir(this.#deps.rootfsDir).catch(() => []);
  }
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True if something is mounted there: it is another file system than the directory it is in. A look at all mounts of a host costs more with each. */
async function isMounted(path: string): Promise<boolean> {
  const [there, above] = await Promise.all(
    [path, dirname(path)].map((one) => stat(one).catch(() => undefined)),
  );
  return there !== undefined && there.dev !== above?.dev;
}
