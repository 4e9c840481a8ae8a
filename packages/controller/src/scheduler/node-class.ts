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
  #position = 0;
  /** Rows from here on have not been looked at. */
  #looked = 0;
  /** Counts `sync`; and for each row, at which one it was looked at last. */
  #syncs = 0;
  #synced: number[] = [];
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

  /** Whether every row has been looked at: before that nothing else may be asked. */
  get ready(): boolean {
    return this.#looked === this.#loads.size;
  }

  /** Follows the log, and weighs what the service has. Answers how many rows it looked at. */
  turn({ serviceId, revision }: Requirement): number {
    let seen = this.sync();
    const [tasks, images] = [this.#tasks, this.#images];
    this.#tasks = this.#loads.services.of(serviceId);
    this.#images = this.#loads.images.of(revision.image.digest);
    if (tasks !== this.#tasks) seen += this.#refreshAll(tasks) + this.#refreshAll(this.#tasks);
    if (images !== this.#images) seen += this.#refreshAll(images) + this.#refreshAll(this.#images);
    return seen;
  }

  #refreshAll(rows: ReadonlyMap<number, number>): number {
    for (const slot of rows.keys()) this.#refresh(slot);
    return rows.size;
  }

  /**
   * Looks again at the rows that changed since the last time, or begins with all of them if that is less; at most at `most`
   * new ones, then it is not yet `ready`. Answers how many rows it looked at.
   */
  sync(most = Infinity): number {
    const { log, generation, size } = this.#loads;
    const behind = log.end - this.#position;
    const far = this.#position < log.start || behind > 2 * size + 64;
    if (far || generation !== this.#generation || !this.#follow()) this.#begin();
    return behind + this.#build(most);
  }

  /** False if it must begin anew. */
  #follow(): boolean {
    const { log } = this.#loads;
    const { end } = log;
    const sync = ++this.#syncs;
    for (; this.#position < end; this.#position++) {
      const entry = log.at(this.#position);
      if (entry < 0) {
        if (!this.#admit(~entry)) return false;
      } else if (entry < this.#looked && this.#synced[entry] !== sync) {
        // What was given, taken back and shown stands there three times.
        this.#synced[entry] = sync;
        this.#refresh(entry);
      }
    }
    return true;
  }

  /** As if no row had been looked at. */
  #begin(): void {
    this.#score = scorer(this.#loads, this.#requirement);
    this.#root = new Branch();
    this.#counted = new Map();
    this.refused.fill(0);
    [this.#leaves, this.#paths, this.#places] = [[], [], []];
    [this.#fixed, this.#liking, this.#codes, this.#synced] = [[], [], [], []];
    this.#position = this.#loads.log.end;
    this.#generation = this.#loads.generation;
    this.#looked = 0;
    this.version++;
  }

  /** Rows that were never looked at, in the order in which they came. */
  #build(most: number): number {
    const { nodes } = this.#loads;
    const from = this.#looked;
    const to = Math.min(nodes.length, from + most);
    for (; this.#looked < to; this.#looked++) {
      const path = this.#pathOf(nodes[this.#looked]);
      const leaf = this.#root.at(path);
      this.#leaves.push(leaf);
      this.#paths.push(path.join('\0'));
      this.#places.push(leaf.add(this.#looked));
      this.#codes.push(-1);
      this.#synced.push(0);
      this.#look(this.#looked);
    }
    return to - from;
  }

  /** A node itself changed. False if its place is another one now. */
  #admit(slot: number): boolean {
    if (slot >= this.#looked) return true;
    if (this.#paths[slot] !== this.#pathOf(this.#loads.nodes[slot]).join('\0')) return false;
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
