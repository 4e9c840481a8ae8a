import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Bandwidth } from '@gantry/model/limits';
import { same } from '@gantry/model/same';
import { namesOf } from '../plan/address-plan.ts';
import { bandwidthCommands } from '../plan/bandwidth.ts';
import { ipBatch, tcBatch } from './commands.ts';

/** Limits of containers' links, remembered so that a link that was made anew gets them again. */
export class BandwidthLimits {
  readonly #exec: Exec;
  readonly #wanted = new Map<string, Bandwidth>();

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** Sets, changes or (undefined) takes away the limits of a link that stands; idempotent. Throws in words if the kernel cannot. */
  async set(containerId: string, bandwidth: Bandwidth | undefined): Promise<void> {
    const known = this.#wanted.get(containerId);
    if (same(bandwidth, known)) return;
    if (bandwidth === undefined) this.#wanted.delete(containerId);
    else this.#wanted.set(containerId, bandwidth);
    await this.#apply(containerId, bandwidth ?? {});
  }

  /** The link was made anew. */
  async again(containerId: string): Promise<void> {
    const bandwidth = this.#wanted.get(containerId);
    if (bandwidth) await this.#apply(containerId, bandwidth);
  }

  /** Containers whose own device is gone, though what they send is limited. */
  broken(linksUp: ReadonlySet<string>): readonly string[] {
    return [...this.#wanted].flatMap(([id, { egressBits }]) =>
      egressBits === undefined || linksUp.has(namesOf(id).shaper) ? [] : [id],
    );
  }

  /** The link is gone, or about to go with its device. */
  forget(containerId: string): void {
    this.#wanted.delete(containerId);
  }

  async #apply(containerId: string, bandwidth: Bandwidth): Promise<void> {
    const { device, undo, limit } = bandwidthCommands(containerId, bandwidth);
    try {
      await ipBatch(this.#exec, device, { force: true });
      await tcBatch(this.#exec, undo, true);
      await tcBatch(this.#exec, limit);
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('internal', `no limit of bandwidth: ${words}`, {
        cause,
        hint: 'the kernel needs sch_tbf, sch_ingress, cls_u32, act_mirred and ifb',
      });
    }
  }
}
