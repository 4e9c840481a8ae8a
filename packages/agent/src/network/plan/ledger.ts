import type { PortSpec } from '@gantry/model/service';
import { portKey } from './balancing.ts';
import { noElements, type ElementChanges, type Elements } from './elements.ts';

/** Elements of the table by who they stand there for. */
export class Ledger {
  readonly #owned = new Map<string, Elements>();
  readonly #onTurn: (before: Elements, after: Elements) => void;

  constructor(onTurn: (before: Elements, after: Elements) => void = () => undefined) {
    this.#onTurn = onTurn;
  }

  /** Takes the place of what stood there for this owner; nothing is owned by who has no elements. */
  set(owner: string, elements: Elements, changes: ElementChanges): void {
    const before = this.#owned.get(owner) ?? noElements;
    changes.note(before, elements);
    this.#onTurn(before, elements);
    if (elements.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, elements);
  }

  /** Removes what stands there for owners that `keeps` does not name; answers with them. */
  keepOnly(
    keeps: ReadonlySet<string> | ReadonlyMap<string, unknown>,
    changes: ElementChanges,
  ): readonly string[] {
    const gone = [...this.#owned.keys()].filter((owner) => !keeps.has(owner));
    for (const owner of gone) this.set(owner, noElements, changes);
    return gone;
  }
}

/** Who holds which published port of this host: who has one keeps it until it lets go. */
export class PortClaims {
  readonly #holders = new Map<string, string>();
  readonly #held = new Map<string, Set<string>>();
  /** Owners that were refused a port; it may be free when they ask again. */
  readonly refused = new Set<string>();

  claim(port: PortSpec, owner: string): boolean {
    const key = portKey(port).join(' ');
    const holder = this.#holders.get(key) ?? owner;
    if (holder !== owner) {
      this.refused.add(owner);
      return false;
    }
    this.#holders.set(key, owner);
    this.#held.set(owner, (this.#held.get(owner) ?? new Set()).add(key));
    return true;
  }

  /** Lets go of what the owner holds, but for what it asks for still. */
  release(owner: string, keeps: readonly PortSpec[] = []): void {
    this.refused.delete(owner);
    const kept = new Set(keeps.map((port) => portKey(port).join(' ')));
    for (const key of this.#held.get(owner) ?? []) {
      if (kept.has(key)) continue;
      this.#holders.delete(key);
      this.#held.get(owner)?.delete(key);
    }
    if (this.#held.get(owner)?.size === 0) this.#held.delete(owner);
  }
}
