import { valueOf } from '@gantry/model/constraint';
import type { Node } from '@gantry/model/node';
import { Branch } from './branches.ts';
import { rulesOf, type Rule } from './filters.ts';
import type { Loads } from './loads.ts';
import type { Requirement } from './requirement.ts';
import { dislikeOf, preferences, scorer } from './scores.ts';

const nobody: ReadonlyMap<number, number> = new Map();

/**
 * The nodes in the order in which tasks of one class of requirements want them, kept from decision to decision: it follows
 * the log of the loads and looks again only at the rows that changed. It is turned to one service at a time, whose own
 * tasks and image weigh in the order.
 */
export class NodeClass {
  readonly #loads: Loads;
  readonly #requirement: Requirement;
  readonly #rules: readonly Rule[];
  readonly #loose: readonly (readonly [code: number, rule: Rule])[];
  readonly #preferences: ((node: Node) => number) | undefined;
  #score: (slot: number, dislike: number) => number;
  #root = new Branch();
  #leaves: Branch[] = [];
  #paths: string[] = [];
  #places: number[] = [];
  /** The first fixed rule that refuses the row, from 1; 0: none. */
  #fixed: number[] = [];
  #liking: number[] = [];
  /** The rule that refuses the row now. */
  #codes: number[] = [];
  /** Tasks of the service as counted in the branches. */
  #counted = new Map<number, number>();
  #position = -1;
  #generation = -1;
  #tasks = nobody;
  #images = nobody;
  /** Rows by the rule that refuses them; at 0 those that fit. */
  readonly refused: number[];
  /** Grows when a row begins or ceases to be refused, or is refused by another rule. */
  version = 0;

  constructor(loads: Loads, requirement: Requirement) {
    this.#loads = loads;
    this.#requirement = requirement;
    this.#rules = rulesOf(requirement);
    this.#loose = this.#rules.flatMap((rule, index) => (rule.fixed ? [] : [[index + 1, rule] as const]));
    this.#preferences = preferences(requirement.soft);
    this.#score = scorer(loads, requirement);
    this.refused = new Array<number>(this.#rules.length + 1).fill(0);
  }

  /** The row that a task of the service goes to, or -1 if no node fits. Call `turn` first. */
  best(): number {
    return this.#root.first();
  }

  get fits(): boolean {
    return (this.refused[0] ?? 0) > 0;
  }

  /** Why rows are refused, in words, with how many: `[90, 'lack cpu (1.00 needed)']`, the most frequent first. */
  reasons(): readonly (readonly [count: number, label: string])[] {
    return this.#rules
      .map((rule, index) => [this.refused[index + 1] ?? 0, rule.label] as const)
      .filter(([count]) => count > 0)
      .sort(([a], [b]) => b - a);
  }

  /** True if the row takes a task; true to the loads as of the last `sync`. */
  takes(slot: number): boolean {
    return this.#codes[slot] === 0;
  }

  /** Why this row is refused, about the host: `cpu: 0.50 of 4.00 free, 1.00 needed`. */
  why(slot: number): string | undefined {
    return this.#rules[(this.#codes[slot] ?? 0) - 1]?.why(this.#loads, slot);
  }

  /** Follows the log, and weighs what the service has. Answers how many rows it looked at. */
  turn({ serviceId, revision }: Requirement): number {
    const seen = this.sync();
    const before = [this.#tasks, this.#images];
    this.#tasks = this.#loads.services.of(serviceId);
    this.#images = this.#loads.images.of(revision.image.digest);
    if (before[0] === this.#tasks && before[1] === this.#images) return seen;
    for (const rows of [...before, this.#tasks, this.#images])
      for (const slot of rows.keys()) this.#refresh(slot);
    return seen + this.#tasks.size + this.#images.size;
  }

  /** Looks again at the rows that changed since the last time, or at all of them if that is less. */
  sync(): number {
    const { log, logBase, generation, size } = this.#loads;
    const end = logBase + log.length;
    const behind = end - this.#position;
    if (generation !== this.#generation || this.#position < logBase || behind > 2 * size + 64)
      return this.#rebuild();
    for (let at = this.#position - logBase; at < log.length; at++) {
      const entry = log[at] as number;
      if (entry >= 0) this.#refresh(entry);
      else if (!this.#admit(~entry)) return this.#rebuild();
    }
    this.#position = end;
    return behind;
  }

  #rebuild(): number {
    const { log, logBase, generation, size, nodes } = this.#loads;
    this.#score = scorer(this.#loads, this.#requirement);
    this.#root = new Branch();
    this.#counted = new Map();
    this.refused.fill(0);
    [this.#leaves, this.#paths, this.#places] = [[], [], []];
    [this.#fixed, this.#liking, this.#codes] = [[], [], []];
    for (let slot = 0; slot < size; slot++) {
      const path = this.#pathOf(nodes[slot]);
      const leaf = this.#root.at(path);
      this.#leaves.push(leaf);
      this.#paths.push(path.join('\0'));
      this.#places.push(leaf.add(slot));
      this.#codes.push(-1);
    }
    for (let slot = 0; slot < size; slot++) this.#look(slot);
    this.#position = logBase + log.length;
    this.#generation = generation;
    this.version++;
    return 2 * size;
  }

  /** A node itself changed. False if its place is another one now. */
  #admit(slot: number): boolean {
    const known = this.#paths[slot];
    if (known === undefined || known !== this.#pathOf(this.#loads.nodes[slot]).join('\0')) return false;
    this.#look(slot);
    return true;
  }

  #look(slot: number): void {
    const node = this.#loads.nodes[slot];
    const code = this.#rules.findIndex((rule) => rule.fixed && rule.refuses(this.#loads, slot)) + 1;
    this.#fixed[slot] = code;
    this.#liking[slot] = node && this.#preferences ? this.#preferences(node) : 0;
    this.#refresh(slot);
  }

  /** Asks the rules about tasks, and puts the row where it belongs now. */
  #refresh(slot: number): void {
    const code = this.#codeOf(slot);
    const before = this.#codes[slot] ?? -1;
    if (code !== before) {
      // A row whose node is gone is not a host that refuses.
      if (before >= 0) this.refused[before] = (this.refused[before] ?? 0) - 1;
      if (code >= 0) this.refused[code] = (this.refused[code] ?? 0) + 1;
      this.#codes[slot] = code;
      this.version++;
    }
    const tasks = this.#tasks.get(slot) ?? 0;
    const leaf = this.#leaves[slot];
    if (!leaf) return;
    if (this.#requirement.soft.spread.length > 0) this.#recount(slot, leaf, tasks);
    const dislike = (this.#liking[slot] ?? 0) + dislikeOf(tasks, this.#images.has(slot));
    leaf.set(this.#places[slot] ?? 0, code === 0 ? this.#score(slot, dislike) : Infinity);
  }

  #codeOf(slot: number): number {
    if (this.#loads.nodes[slot] === undefined) return -1;
    const fixed = this.#fixed[slot] ?? 0;
    if (fixed > 0) return fixed;
    for (const [code, rule] of this.#loose) if (rule.refuses(this.#loads, slot)) return code;
    return 0;
  }

  #recount(slot: number, leaf: Branch, tasks: number): void {
    const counted = this.#counted.get(slot) ?? 0;
    if (counted === tasks) return;
    leaf.count(tasks - counted);
    this.#counted.set(slot, tasks);
  }

  #pathOf(node: Node | undefined): readonly string[] {
    return this.#requirement.soft.spread.map((attribute) => (node && valueOf(node, attribute)) ?? '');
  }
}
