import type { TableInput } from '../../packages/agent/src/network/plan/table-book.ts';

/** Enough of nft to run our transactions in memory: what the kernel would refuse, it refuses too. */
export class NftModel {
  readonly #sets = new Map<string, Map<string, string>>();
  readonly #chains = new Map<string, string[]>();

  run(text: string): void {
    const end = text.indexOf('\n}\n');
    const fixed = /^\s+(?:map|set) (\w+) \{/gm;
    if (text.startsWith('table inet gantry\ndelete')) {
      this.#sets.clear();
      this.#chains.clear();
      for (const [, name = ''] of text.slice(0, end).matchAll(fixed)) this.#sets.set(name, new Map());
    }
    const rest = text.startsWith('table inet gantry\ndelete') ? text.slice(end + 3) : text;
    for (const line of rest.split('\n').filter(Boolean)) this.#command(line);
  }

  get(name: string, key: string): string | undefined {
    return this.#set(name).get(key);
  }

  elements(which: RegExp): Readonly<Record<string, readonly string[]>> {
    const chosen = [...this.#sets].filter(([name]) => which.test(name));
    return Object.fromEntries(
      chosen.map(([name, all]) => [name, [...all].map(([key, value]) => `${key} : ${value}`).sort()]),
    );
  }

  /** Whom each container of this host may ask, whatever the numbers of networks are. */
  reach({ locals }: TableInput): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(
      locals.map(({ attachment: { address } }) => {
        const chain = (this.get('ask', address) ?? '').replace('jump ', '');
        const sets = (this.#chains.get(chain) ?? []).map((rule) => /@(\w+)/.exec(rule)?.[1] ?? '');
        return [address, [...new Set(sets.flatMap((set) => [...this.#set(set).keys()]))].sort()];
      }),
    );
  }

  #command(line: string): void {
    const [verb = '', what = '', , , name = '', ...rest] = line.split(' ');
    const tail = rest.join(' ');
    if (what === 'element') this.#element(verb, name, tail.slice(2, -2));
    else if (what === 'set') this.#object(this.#sets, verb, name, () => new Map());
    else if (what === 'chain' && verb !== 'flush') this.#object(this.#chains, verb, name, () => []);
    else if (what === 'chain') this.#chains.set(name, []);
    else if (what === 'rule') this.#chain(name).push(this.#checked(tail));
    else throw new Error(`not a command: ${line}`);
  }

  #element(verb: string, name: string, words: string): void {
    const set = this.#set(name);
    for (const word of words.split(', ')) {
      const [key = '', value = ''] = word.split(' : ');
      if (verb === 'delete' && !set.delete(key)) throw new Error(`no element ${key} in ${name}`);
      if (verb !== 'add') continue;
      if (set.has(key) && set.get(key) !== value)
        throw new Error(`${key} of ${name} is there with another value`);
      if (value.startsWith('jump ')) this.#chain(value.slice(5));
      set.set(key, value);
    }
  }

  #object<T>(all: Map<string, T>, verb: string, name: string, make: () => T): void {
    if (verb === 'add') {
      if (!all.has(name)) all.set(name, make());
      return;
    }
    if (this.#isUsed(name)) throw new Error(`${name} is in use`);
    if (!all.delete(name)) throw new Error(`no ${name} to delete`);
  }

  #isUsed(name: string): boolean {
    const jumps = [...this.#sets.values()].flatMap((set) => [...set.values()]);
    const rules = [...this.#chains.values()].flat();
    return jumps.includes(`jump ${name}`) || rules.some((rule) => rule.includes(`@${name} `));
  }

  #checked(rule: string): string {
    this.#set(/@(\w+)/.exec(rule)?.[1] ?? '');
    return rule;
  }

  #set(name: string): Map<string, string> {
    const set = this.#sets.get(name);
    if (!set) throw new Error(`no set ${name}`);
    return set;
  }

  #chain(name: string): string[] {
    const chain = this.#chains.get(name);
    if (!chain) throw new Error(`no chain ${name}`);
    return chain;
  }
}
