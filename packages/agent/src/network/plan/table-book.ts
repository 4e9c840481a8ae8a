import { contains, parseCidr } from '@gantry/model/addresses';
import type { EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import { numberOf } from './address-plan.ts';
import { balancingOf } from './balancing.ts';
import { ElementChanges, noElements, type Elements } from './elements.ts';
import { Leads } from './leads.ts';
import { Ledger, PortClaims } from './ledger.ts';
import { comboChains, localElements, networkSet, peerElements, type Local, type PeerEnv } from './locals.ts';
import { Memberships } from './memberships.ts';
import { ruleset, table, type RulesetConfig } from './ruleset.ts';
import type { StrayEnv } from './strays.ts';

/** What the whole table follows from. */
export interface TableInput {
  readonly endpoints: readonly EndpointAssignment[];
  readonly locals: readonly Local[];
  readonly peers: readonly PeerAssignment[];
}

export type TableConfig = RulesetConfig & PeerEnv;

/** One nft transaction, and whether it may leave UDP flows on a wrong way. */
export interface Transaction {
  /** Empty if nothing changes. */
  readonly text: string;
  /** Something has left: flows may go on to it. */
  readonly left: boolean;
  /** Published UDP ports that nothing answered on and something does now. */
  readonly opened: readonly number[];
}

/**
 * Keeps what stands in the table, by who it stands there for, so that a change costs what it changes, however much there
 * is. It supposes that every transaction is carried out: after a failure, begin with a new book and `whole`.
 */
export class TableBook {
  readonly #config: TableConfig;
  readonly #endpoints = new Map<string, EndpointAssignment>();
  /** The services as they were last told. */
  #last: readonly EndpointAssignment[] = [];
  readonly #leads = new Leads();
  /** What a change did to where flows are led, until it is told of. */
  #turns: ReturnType<Leads['turn']>[] = [];
  readonly #services = new Ledger((before, after) => this.#turns.push(this.#leads.turn(before, after)));
  readonly #tasks = new Ledger((before, after) => this.#turns.push(this.#leads.turn(before, after)));
  readonly #networks = new Ledger();
  readonly #peers = new Ledger();
  readonly #claims = new PortClaims();
  readonly #members = new Memberships();
  /** Sets and chains that are made for networks: name → the text that makes it. */
  #made: ReadonlyMap<string, string> = new Map();
  /** Addresses of this host that services lead to → their services. */
  readonly #leadsTo = new Map<string, string>();
  #live: ReadonlySet<string> = new Set();

  constructor(config: TableConfig) {
    this.#config = config;
  }

  /** Names of the sets and chains that must be there beside the fixed ones. */
  get made(): readonly string[] {
    return [...this.#made.keys()];
  }

  /**
   * The transaction that makes the table from nothing, or in place of whatever stands there. What flows the kernel remembers
   * from before is not known: any may be on a wrong way.
   */
  whole(input: TableInput): Transaction {
    const { text } = this.change(input);
    return { left: true, opened: this.#leads.ports(), text: `${ruleset(this.#config)}${text}` };
  }

  /** What tells which UDP flows are on a wrong way by now. */
  strays(opened: readonly number[]): StrayEnv {
    const { containerPool } = this.#config;
    return { containerPool, leads: this.#leads, opened: new Set(opened), taken: () => this.#taken() };
  }

  /** The transaction that leads here from what the book knows. */
  change(input: TableInput): Transaction {
    const changes = new ElementChanges();
    const { changed, gone } = this.#turned(input);
    // First all that goes: what it held may be taken in the same transaction.
    const present = new Set(input.locals.map(({ attachment }) => attachment.containerId));
    for (const owner of this.#tasks.keepOnly(present, changes)) this.#claims.release(owner);
    for (const { attachment } of input.locals)
      this.#claims.release(attachment.containerId, attachment.hostPorts);
    for (const id of gone) this.#claims.release(id);
    for (const { serviceId, ports } of changed) this.#claims.release(serviceId, ports);
    const left = gone.length > 0 || changed.some((endpoint) => this.#hasLost(endpoint));
    for (const id of gone) this.#forget(id, changes);
    for (const endpoint of changed) this.#takeService(endpoint, changes);
    this.#peers.set('peers', peerElements(input.peers, this.#config), changes);
    const made = this.#takeLocals(input.locals, changes);
    const text = transactionText(changes, without(this.#made, made), without(made, this.#made));
    this.#made = made;
    const turns = this.#turns;
    this.#turns = [];
    return {
      text,
      left: left || turns.some((turn) => turn.left),
      opened: turns.flatMap(({ opened }) => opened),
    };
  }

  /** Services to be looked at, and those that are no more. */
  #turned({ endpoints, locals }: TableInput): {
    readonly changed: readonly EndpointAssignment[];
    readonly gone: readonly string[];
  } {
    const live = new Set(locals.map(({ attachment }) => attachment.address));
    const turned = [
      ...[...live].filter((a) => !this.#live.has(a)),
      ...[...this.#live].filter((a) => !live.has(a)),
    ];
    this.#live = live;
    const dirty = new Set(turned.flatMap((address) => this.#leadsTo.get(address) ?? []));
    for (const owner of this.#claims.refused) dirty.add(owner);
    // Most changes are of one service among thousands: what stands at both ends of the list is passed over.
    const [stale, fresh] = dirty.size > 0 ? [this.#last, endpoints] : middles(this.#last, endpoints);
    this.#last = endpoints;
    const changed = fresh.filter(
      (endpoint) => this.#endpoints.get(endpoint.serviceId) !== endpoint || dirty.has(endpoint.serviceId),
    );
    const seen = new Set(fresh.map(({ serviceId }) => serviceId));
    return { changed, gone: stale.map(({ serviceId }) => serviceId).filter((id) => !seen.has(id)) };
  }

  #forget(id: string, changes: ElementChanges): void {
    this.#members.forget(id);
    this.#endpoints.delete(id);
    this.#services.set(id, noElements, changes);
  }

  /** True if an address that a task of the service had is its no more. */
  #hasLost(endpoint: EndpointAssignment): boolean {
    const before = this.#endpoints.get(endpoint.serviceId);
    if (!before) return false;
    const now = new Set(addressesOf(endpoint));
    return addressesOf(before).some((address) => !now.has(address));
  }

  #taken(): ReadonlySet<string> {
    return new Set([...this.#live, ...[...this.#endpoints.values()].flatMap(addressesOf)]);
  }

  #takeService(endpoint: EndpointAssignment, changes: ElementChanges): void {
    const { serviceId, backends } = endpoint;
    const { subnet } = this.#config;
    this.#endpoints.set(serviceId, endpoint);
    this.#members.set(endpoint);
    const own = parseCidr(subnet);
    for (const { address } of backends) if (contains(own, address)) this.#leadsTo.set(address, serviceId);
    const elements = balancingOf(endpoint, {
      seed: numberOf(subnet),
      isLive: (address) => !contains(own, address) || this.#live.has(address),
      mayPublish: (port) => this.#claims.claim(port, serviceId),
    });
    this.#services.set(serviceId, elements, changes);
  }

  /** Containers of this host and the networks they are on; answers with the sets and chains that these need. */
  #takeLocals(locals: readonly Local[], changes: ElementChanges): ReadonlyMap<string, string> {
    const made = new Map<string, string>();
    const here = this.#members.here(locals);
    this.#networks.keepOnly(here, changes);
    for (const [name, local] of here) {
      const set = networkSet(this.#members.number(name));
      made.set(set, `add set ${table} ${set} { type ipv4_addr; }`);
      this.#networks.set(name, this.#members.elements(name, local, set), changes);
    }
    for (const local of locals) {
      const owner = local.attachment.containerId;
      const combo = this.#members.combo(local.task);
      for (const [name, text] of comboChains(combo)) made.set(name, text);
      const elements: Elements = localElements(local, combo, (port) => this.#claims.claim(port, owner));
      this.#tasks.set(owner, elements, changes);
    }
    return made;
  }
}

function addressesOf({ backends, idle }: EndpointAssignment): readonly string[] {
  return [...backends.map(({ address }) => address), ...idle];
}

/** Two lists without what they begin and what they end with alike. */
function middles<T>(
  one: readonly T[],
  other: readonly T[],
): readonly [one: readonly T[], other: readonly T[]] {
  const shorter = Math.min(one.length, other.length);
  let [head, tail] = [0, 0];
  while (head < shorter && one[head] === other[head]) head++;
  while (tail < shorter - head && one[one.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  return [one.slice(head, one.length - tail), other.slice(head, other.length - tail)];
}

/** In the order that nft's references want: elements, chains, sets go; sets, chains, elements come. */
function transactionText(
  changes: ElementChanges,
  gone: ReadonlyMap<string, string>,
  fresh: ReadonlyMap<string, string>,
): string {
  const [goneSets, goneChains] = bySort([...gone.keys()]);
  const [freshSets, freshChains] = bySort([...fresh.keys()]);
  const lines = [
    ...changes.removals(new Set(goneSets)),
    ...goneChains.map((name) => `flush chain ${table} ${name}`),
    ...goneChains.map((name) => `delete chain ${table} ${name}`),
    ...goneSets.map((name) => `delete set ${table} ${name}`),
    ...[...freshSets, ...freshChains].map((name) => fresh.get(name) ?? ''),
    ...changes.additions(),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function bySort(names: readonly string[]): readonly [sets: readonly string[], chains: readonly string[]] {
  const isSet = (name: string): boolean => name.startsWith('net_');
  return [names.filter(isSet), names.filter((name) => !isSet(name))];
}

function without(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map([...one].filter(([name]) => !other.has(name)));
}
