import { backoffMs, jitter } from '@gantry/kit/backoff';
import type { Clock } from '@gantry/kit/clock';
import type { Logger } from '@gantry/kit/log';
import type { Random } from '@gantry/kit/random';
import type { LoadedImage } from '@gantry/model/image';
import { settingsId } from '@gantry/model/settings';
import type { Store } from '../store/store.ts';
import { manifestOf, maxDocumentBytes, type ImageFiles } from './image-files.ts';

/** Streams a blob from the controller at an address; throws if it does not have it. */
export type FetchFrom = (address: string, digest: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;

export interface StandbyDeps {
  readonly store: Pick<Store, 'view' | 'subscribe'>;
  readonly files: ImageFiles;
  readonly fetch: FetchFrom;
  /** Where others reach this controller. */
  readonly address: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const [retryMs, retryMaxMs] = [1_000, 60_000];

/**
 * Keeps the bytes of all loaded images here, too, while another controller leads, so that this one can go on with them. A
 * manifest comes last: an image whose manifest is here is whole. Nothing is deleted because the list lacks it: only once an image was
 * removed are the bytes let go that no other one has.
 */
export class Standby {
  readonly #deps: StandbyDeps;
  readonly #unsubscribe: () => void;
  #copying = new AbortController();
  #failures = 0;
  /** An image was removed from the list since bytes were last let go. */
  #removed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(deps: StandbyDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.store.subscribe((changes) => {
      if (changes.some(({ kind }) => kind === 'settings')) this.#copying.abort();
      if (changes.some(({ kind, after }) => kind === 'image' && !after)) this.#removed = true;
      if (changes.some(({ kind }) => kind === 'image' || kind === 'settings')) this.look();
    });
    this.look();
  }

  close(): void {
    this.#unsubscribe();
    this.#cancelRetry();
    this.#copying.abort();
  }

  /** Brings the files to what the list says; one that fails is tried again. */
  look(): void {
    this.#cancelRetry();
    const copying = new AbortController();
    this.#deps.files
      .inTurn(() => {
        this.#copying = copying;
        return this.#copyAll(copying.signal);
      })
      .then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => this.#retry(error),
      );
  }

  #retry(error: unknown): void {
    if (this.#copying.signal.aborted) return;
    const { log, clock, random } = this.#deps;
    const ms = jitter(backoffMs(++this.#failures, retryMs, retryMaxMs), random());
    log.warn('loaded images could not be copied from the controller that leads, trying again', {
      error: String(error),
      failures: this.#failures,
    });
    this.#cancelRetry = clock.after(ms, () => this.look());
  }

  async #copyAll(signal: AbortSignal): Promise<void> {
    const view = this.#deps.store.view();
    const leader = view.get('settings', settingsId)?.leader;
    if (leader === undefined || leader === this.#deps.address) return;
    const images = [...view.all('image')];
    for (const image of images) await this.#copy(leader, image, signal);
    if (!this.#removed) return;
    this.#removed = false;
    await this.#deps.files.keepOnly(images, false);
  }

  async #copy(leader: string, { ref, digest }: LoadedImage, signal: AbortSignal): Promise<void> {
    const { blobs } = this.#deps.files;
    if (await blobs.has(digest)) return;
    const manifest = await bytesOf(this.#deps.fetch(leader, digest, signal));
    const { config, layers } = manifestOf(manifest);
    for (const part of [config, ...layers]) {
      if (!(await blobs.has(part.digest)))
        await blobs.put(part.digest, this.#deps.fetch(leader, part.digest, signal), part.size);
    }
    await blobs.put(digest, [manifest], manifest.length);
    this.#deps.log.info('a loaded image was copied', { ref, digest, from: leader });
  }
}

/** Throws for what is too long to be a manifest; its digest is checked when it is kept. */
async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of chunks) {
    length += part.length;
    if (length > maxDocumentBytes) throw new Error(`a manifest has more than ${maxDocumentBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
