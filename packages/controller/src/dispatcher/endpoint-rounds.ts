import type { EndpointAssignment } from '@gantry/model/assignment';
import { backendChange } from '@gantry/model/endpoint-change';
import type { ServiceId } from '@gantry/model/ids';
import { same } from '@gantry/model/same';
import { encodeRound } from '@gantry/proto/endpoint-round';
import type { EndpointChanges } from '@gantry/proto/gen/gantry/v1/endpoints';
import * as fromModel from '@gantry/proto/from-model';

/** Rounds that are kept for hosts whose wire was full; one that is further behind is told everything. */
const keptRounds = 64;

const nothing = Buffer.alloc(0);

/**
 * The endpoints as hosts are told of them, in rounds. What changed in a round is encoded once for all hosts, and costs what
 * changed: who comes and who goes, not whole endpoints.
 */
export class EndpointRounds {
  readonly #endpointOf: (id: ServiceId) => EndpointAssignment | undefined;
  readonly #told = new Map<ServiceId, EndpointAssignment>();
  readonly #touched = new Set<ServiceId>();
  /** The newest rounds, oldest first; the last one is `round`. */
  readonly #kept: Buffer[] = [];
  #complete: Buffer | undefined;
  round = 0;

  /** `endpointOf` reads the view as it is now. */
  constructor(endpointOf: (id: ServiceId) => EndpointAssignment | undefined, services: Iterable<ServiceId>) {
    this.#endpointOf = endpointOf;
    for (const id of services) {
      const endpoint = endpointOf(id);
      if (endpoint) this.#told.set(id, endpoint);
    }
  }

  /** The endpoint may be another now; the next round tells. */
  touch(id: ServiceId): void {
    this.#touched.add(id);
  }

  /** Ends a round; false if nothing has changed, and there is no new one, unless one is wanted in any case. */
  advance(inAnyCase = false): boolean {
    const changes: EndpointChanges = {
      complete: false,
      put: [],
      removed: [],
      changed: [],
      round: this.round + 1,
      deflated: nothing,
    };
    for (const id of this.#touched) this.#add(changes, id);
    this.#touched.clear();
    const size = changes.put.length + changes.removed.length + changes.changed.length;
    if (size === 0 && !inAnyCase) return false;
    this.round++;
    this.#complete = undefined;
    this.#kept.push(encodeRound(changes));
    if (this.#kept.length > keptRounds) this.#kept.shift();
    return true;
  }

  /** Everything as of the last round. */
  complete(): Buffer {
    if (this.#complete) return this.#complete;
    const put = [...this.#told.values()].map(fromModel.endpoint);
    const { round } = this;
    this.#complete = encodeRound({ complete: true, put, removed: [], changed: [], round, deflated: nothing });
    return this.#complete;
  }

  /** What leads from a round to the last one. */
  since(round: number): readonly Buffer[] {
    const behind = this.round - round;
    if (behind > this.#kept.length) return [this.complete()];
    return behind === 0 ? [] : this.#kept.slice(-behind);
  }

  #add(changes: EndpointChanges, id: ServiceId): void {
    const [before, after] = [this.#told.get(id), this.#endpointOf(id)];
    if (!after) {
      if (this.#told.delete(id)) changes.removed.push(id);
      return;
    }
    if (before && same(before, after)) return;
    this.#told.set(id, after);
    const change = before && backendChange(before, after);
    if (change) changes.changed.push(fromModel.backendChange(change));
    else changes.put.push(fromModel.endpoint(after));
  }
}
