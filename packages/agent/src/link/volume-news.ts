import { heldVolumes, type HeldVolumes } from '@gantry/model/volume';
import type { Volumes } from '../volumes/volumes.ts';

/** Tells the controller of this node's volumes. Throws if it did not arrive. */
export type SendVolumes = (volumes: HeldVolumes) => Promise<void>;

/**
 * What the controller knows of this node's volumes, and what it should: said at register, and again when one came or
 * went. Looked up in the background and kept, so that a hung disk keeps no node from registering.
 */
export class VolumeNews {
  readonly #volumes: Pick<Volumes, 'list' | 'onChange'>;
  readonly #failed: (error: unknown) => void;
  readonly #close: () => void;
  #known: HeldVolumes | undefined;
  #said: HeldVolumes | undefined;
  #send: SendVolumes | undefined;
  #working = false;
  /** Something changed since the last look. */
  #stale = true;

  /** `failed` hears why volumes could not be listed. */
  constructor(volumes: Pick<Volumes, 'list' | 'onChange'>, failed: (error: unknown) => void) {
    this.#volumes = volumes;
    this.#failed = failed;
    this.#close = volumes.onChange(() => {
      this.#stale = true;
      this.#work();
    });
    this.#work();
  }

  /** For a registration; undefined while not known. */
  known(): HeldVolumes | undefined {
    return this.#known;
  }

  /** A session began, and its registration said `said`. */
  connected(send: SendVolumes, said: HeldVolumes | undefined): void {
    this.#send = send;
    this.#said = said;
    this.#work();
  }

  disconnected(): void {
    this.#send = undefined;
  }

  close(): void {
    this.#close();
    this.disconnected();
  }

  /** One at a time; what changes meanwhile is seen by one more look, however much it is. */
  #work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#settle();
  }

  async #settle(): Promise<void> {
    while (this.#stale || this.#unsaid()) {
      if (this.#stale) await this.#look();
      else await this.#say();
    }
    this.#working = false;
  }

  #unsaid(): boolean {
    return this.#send !== undefined && this.#known !== undefined && this.#known !== this.#said;
  }

  async #say(): Promise<void> {
    const [send, volumes] = [this.#send, this.#known];
    if (!send || !volumes) return;
    const arrived = await send(volumes).then(
      () => true,
      () => false,
    );
    if (send !== this.#send) return;
    // What did not arrive is said by the next session's registration.
    if (arrived) this.#said = volumes;
    else this.disconnected();
  }

  async #look(): Promise<void> {
    this.#stale = false;
    try {
      const now = heldVolumes(await this.#volumes.list());
      if (JSON.stringify(now) !== JSON.stringify(this.#known)) this.#known = now;
    } catch (error) {
      this.#failed(error);
    }
  }
}
