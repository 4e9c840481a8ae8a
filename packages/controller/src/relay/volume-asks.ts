import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { NodeId } from '@gantry/model/ids';
import type { VolumeResult } from '@gantry/proto/gen/gantry/v1/volume';

/** Deleting much data takes time; below what a user's call may take, so that the words arrive, ms. */
const answerMs = 50_000;

interface Ask {
  readonly nodeId: NodeId;
  readonly resolve: (results: readonly VolumeResult[]) => void;
  readonly reject: (error: GantryError) => void;
}

/** Orders to nodes about their volumes that wait for an answer; each ends: answered, too late, or the node is gone. */
export class VolumeAsks {
  readonly #waiting = new Map<string, Ask>();
  readonly #newId: () => string;
  readonly #clock: Clock;

  constructor(newId: () => string, clock: Clock) {
    this.#newId = newId;
    this.#clock = clock;
  }

  /** Asks by `send`, with the stream's id. */
  ask(nodeId: NodeId, send: (streamId: string) => void): Promise<readonly VolumeResult[]> {
    const streamId = this.#newId();
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(answerMs, () =>
        this.#fail(
          streamId,
          new GantryError('timeout', 'the host has not answered yet; it may still be at it'),
        ),
      );
      this.#waiting.set(streamId, {
        nodeId,
        resolve: (results) => (cancel(), resolve(results)),
        reject: (error) => (cancel(), reject(error)),
      });
      send(streamId);
    });
  }

  answer(streamId: string, results: readonly VolumeResult[]): void {
    const ask = this.#waiting.get(streamId);
    this.#waiting.delete(streamId);
    ask?.resolve(results);
  }

  lost(nodeId: NodeId): void {
    for (const [streamId, ask] of [...this.#waiting]) {
      if (ask.nodeId !== nodeId) continue;
      this.#fail(streamId, new GantryError('unreachable', 'the host was lost before it answered'));
    }
  }

  #fail(streamId: string, error: GantryError): void {
    const ask = this.#waiting.get(streamId);
    this.#waiting.delete(streamId);
    ask?.reject(error);
  }
}
