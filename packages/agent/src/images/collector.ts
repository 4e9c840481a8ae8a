import { statfs } from 'node:fs/promises';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import { chooseImages, type Collection, type DiskUse, type Marks } from './collect.ts';
import type { NodeImages } from './node-images.ts';

export interface CollectorDeps {
  readonly images: Pick<NodeImages, 'candidates' | 'remove' | 'dir'>;
  /** Of these digests, those that a revision of the cluster names; throws while no controller can be asked. */
  readonly kept: (digests: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly diskUse?: (dir: string) => Promise<DiskUse>;
  readonly marks?: Marks;
}

/** How often the disk is looked at, ms. */
const everyMs = 60_000;

/** Removes images that nothing needs when the disk fills up. Without a controller to ask it removes nothing. */
export class Collector {
  readonly #deps: CollectorDeps;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(everyMs, () => {
      this.collect()
        .catch((error: unknown) =>
          this.#deps.log.warn('images could not be collected', { error: String(error) }),
        )
        .finally(() => !this.#closed && this.start());
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** One look at the disk; answers with what was removed. */
  async collect(): Promise<Collection> {
    const { images, kept, clock, log, marks } = this.#deps;
    const disk = await (this.#deps.diskUse ?? diskUse)(images.dir);
    const nothing: Collection = { remove: [], freedBytes: 0 };
    if (chooseImages(disk, [], clock.now(), marks).note === undefined) return nothing;
    const candidates = await images.candidates();
    const needed = await kept(candidates.filter((one) => !one.needed).map(({ digest }) => digest));
    const judged = candidates.map((one) => ({ ...one, needed: one.needed || needed.has(one.digest) }));
    const chosen = chooseImages(disk, judged, clock.now(), marks);
    if (chosen.note !== undefined) log.warn('the disk is nearly full', { note: chosen.note });
    for (const digest of chosen.remove) await images.remove(digest);
    if (chosen.remove.length > 0)
      log.info('removed images that nothing needs', {
        images: chosen.remove.length,
        freedBytes: chosen.freedBytes,
      });
    return chosen;
  }
}

/** As `df` counts: blocks kept for root are neither used nor free. */
async function diskUse(dir: string): Promise<DiskUse> {
  const { blocks, bfree, bavail, bsize } = await statfs(dir);
  const usedBytes = (blocks - bfree) * bsize;
  return { usedBytes, totalBytes: usedBytes + bavail * bsize };
}
