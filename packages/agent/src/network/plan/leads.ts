import { slotMark } from './slots.ts';
import type { Elements } from './elements.ts';

/** Where UDP flows are led by the table: virtual addresses and published ports → containers, whatever their slots. */
export class Leads {
  readonly #targets = new Map<string, Set<string>>();

  /**
   * An owner's elements take the place of its former ones. Answers with what that means for flows: some may go on to what is
   * led to no more (`left`), and ports that nothing answered on are led somewhere (`opened`).
   */
  turn(before: Elements, after: Elements): { readonly left: boolean; readonly opened: readonly number[] } {
    const [old, wanted] = [targetsOf(before), targetsOf(after)];
    let left = false;
    for (const [key, addresses] of old) {
      const known = this.#targets.get(key);
      for (const address of addresses) {
        if (wanted.get(key)?.has(address)) continue;
        left = true;
        known?.delete(address);
      }
      if (known?.size === 0) this.#targets.delete(key);
    }
    const opened: number[] = [];
    for (const [key, addresses] of wanted) {
      const known = this.#targets.get(key) ?? new Set();
      if (known.size === 0) opened.push(...portOf(key));
      this.#targets.set(key, known);
      for (const address of addresses) known.add(address);
    }
    return { left, opened };
  }

  /** Who a flow to this address and port is for; undefined: it is not led. A port on one address goes before one on all. */
  of(address: string, port: number): ReadonlySet<string> | undefined {
    const keys = [address, `${address} . udp . ${port}`, `udp . ${port}`];
    for (const key of keys) {
      const found = this.#targets.get(key);
      if (found) return found;
    }
    return undefined;
  }

  /** Published ports that are led somewhere. */
  ports(): readonly number[] {
    return [...this.#targets.keys()].flatMap(portOf);
  }
}

const slotSuffix = ` . ${slotMark(0)}`.length;

/** What an owner leads to: key without its slot → addresses. */
function targetsOf(elements: Elements): ReadonlyMap<string, Set<string>> {
  const targets = new Map<string, Set<string>>();
  for (const name of ['vip_slot', 'port_slot', 'bound_slot']) {
    for (const [slot, value] of elements.get(name) ?? []) {
      const key = slot.slice(0, -slotSuffix);
      if (/\btcp\b/.test(key)) continue;
      const address = value.split(' ', 1)[0] ?? '';
      targets.set(key, (targets.get(key) ?? new Set()).add(address));
    }
  }
  return targets;
}

function portOf(key: string): readonly number[] {
  const port = /\budp \. (\d+)$/.exec(key)?.[1];
  return port === undefined ? [] : [Number(port)];
}
