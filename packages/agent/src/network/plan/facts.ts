import type { PeerAssignment } from '@gantry/model/assignment';
import { parseCidr, type Pools } from '@gantry/model/addresses';
import { marks, numberOf, tunnel, tunnelAddress, tunnelMac, underlayPrefix } from './address-plan.ts';

/** One thing that must stand in the kernel. Two facts of one key are the same; `observed.ts` reads keys back. */
export interface Fact {
  readonly key: string;
  readonly program: 'ip' | 'bridge';
  /** The line of a batch that makes it; harmless if it is there. */
  readonly add: string;
  readonly del: string;
  /** Facts of one place take it from each other: the old one needs no removal. */
  readonly place?: string;
}

/** Another host and where packets for it are sent. */
export interface PeerPath {
  readonly peer: PeerAssignment;
  /** Its tunnel's outer address. */
  readonly outer: string;
}

/** The encrypted links below the tunnel. */
export interface UnderlayPath {
  readonly device: string;
  /** Outer addresses of all hosts' keys. */
  readonly addresses: readonly string[];
}

/** What the facts of a host follow from. */
export interface HostFacts extends Pools {
  readonly subnet: string;
  /** Source of the host's own connections to virtual addresses. */
  readonly address: string;
  readonly peers: readonly PeerPath[];
  /** False while there is none: then nothing leads to other hosts. */
  readonly tunnelStands: boolean;
  /** Present in an encrypted cluster. */
  readonly underlay?: UnderlayPath;
  /** Answers go back to the host that a client came in by. */
  readonly marksRoute: boolean;
}

/** Places of our rules, before the main table's (32766). */
const pref = { first: 4200, peers: 4202, last: 4299, closed: 4300 } as const;
/** Of routes that only stand in where there is no better one; by it they are known to be ours. */
const fallbackMetric = 4210;

/** Routes, rules, neighbours and forwarding entries of a host, without its containers'. */
export function hostFacts(host: HostFacts): readonly Fact[] {
  const { device } = tunnel;
  return [
    // A way for the host's own connections to virtual addresses, until the rules turn them.
    route(`${host.vipPool} dev lo metric ${fallbackMetric}`, `src ${host.address}`),
    // Addresses of ours that nobody has: rules refuse them at once, and nothing leaks to the default route.
    ...(host.tunnelStands ? [route(`${host.subnet} dev ${device} metric ${fallbackMetric}`)] : []),
    route(`unreachable ${host.containerPool} metric ${fallbackMetric}`),
    ...(host.marksRoute ? markRules() : []),
    ...(host.underlay ? underlayFacts(host, host.underlay) : []),
    ...(host.tunnelStands ? host.peers.flatMap((path) => peerFacts(host, path)) : []),
  ];
}

/** The route to a container of this host. */
export function containerFact(address: string, link: string): Fact {
  return route(`${address} dev ${link}`, 'scope link');
}

/**
 * In an encrypted cluster no route of others, least of all the default one, is a way for the addresses of containers, also
 * where somebody removed our routes or our nftables table, or both.
 */
function underlayFacts(host: HostFacts, { device, addresses }: UnderlayPath): readonly Fact[] {
  const pool = host.containerPool;
  const length = 32 - Math.log2(parseCidr(pool).size);
  return [
    ...addresses.map((address) => route(`${address} dev ${device}`)),
    ...(host.marksRoute
      ? [
          rule(pref.closed, `to ${pool} lookup main suppress_prefixlength ${length}`),
          rule(pref.closed + 1, `to ${pool} unreachable`),
        ]
      : []),
  ];
}

function peerFacts(host: HostFacts, { peer, outer }: PeerPath): readonly Fact[] {
  const [via, mac, { device }] = [tunnelAddress(peer.subnet), tunnelMac(peer.subnet), tunnel];
  // The kernel then sends by this link or not at all, whatever the routes say.
  const by = host.underlay ? ` via ${host.underlay.device}` : '';
  const mark = marks.peer + numberOf(peer.subnet);
  return [
    {
      key: `neigh ${via} ${mac}`,
      program: 'ip',
      add: `neigh replace ${via} lladdr ${mac} dev ${device} nud permanent`,
      del: `neigh del ${via} dev ${device}`,
    },
    {
      key: `fdb ${mac} ${outer}${by}`,
      place: `fdb ${mac}`,
      program: 'bridge',
      add: `fdb replace ${mac} dev ${device} dst ${outer}${by}`,
      del: `fdb del ${mac} dev ${device} dst ${outer}${by}`,
    },
    route(`${peer.subnet} via ${via} dev ${device}`, 'onlink'),
    ...(host.marksRoute
      ? [
          route(`default via ${via} dev ${device} table ${mark}`, 'onlink'),
          rule(pref.peers, `fwmark 0x${mark.toString(16)} lookup ${mark}`),
        ]
      : []),
  ];
}

/**
 * A marked answer goes by the table of its mark. Unmarked packets jump over the peers' rules, however many there are, and
 * so does what the host itself sends: the tunnel's outer packet inherits the mark and would loop.
 */
function markRules(): readonly Fact[] {
  const [value, mask] = [marks.peer, marks.mask].map((number) => `0x${number.toString(16)}`);
  return [
    rule(pref.last, 'nop'),
    rule(pref.first, `iif lo goto ${pref.last}`),
    rule(pref.first + 1, `not fwmark ${value}/${mask} goto ${pref.last}`),
  ];
}

function route(what: string, more = ''): Fact {
  const words = `${what} ${more}`.trim();
  return { key: `route ${what}`, program: 'ip', add: `route replace ${words}`, del: `route del ${what}` };
}

function rule(place: number, what: string): Fact {
  const words = `pref ${place} ${what}`;
  return { key: `rule ${words}`, program: 'ip', add: `rule add ${words}`, del: `rule del ${words}` };
}

/** Facts that must be made and facts that must go. */
export interface FactChanges {
  readonly add: readonly Fact[];
  readonly remove: readonly Fact[];
}

export function factChanges(before: readonly Fact[], after: readonly Fact[]): FactChanges {
  const [old, wanted] = [keysOf(before), keysOf(after)];
  const add = after.filter(({ key }) => !old.has(key));
  const taken = new Set(add.map(({ place }) => place));
  const stays = ({ place }: Fact): boolean => place !== undefined && taken.has(place);
  return { add, remove: before.filter((fact) => !wanted.has(fact.key) && !stays(fact)) };
}

function keysOf(facts: readonly Fact[]): ReadonlySet<string> {
  return new Set(facts.map(({ key }) => key));
}

/** What stands there in our places and should not: leftovers of peers that went while no agent looked. */
export function staleFacts(seen: ReadonlySet<string>, wanted: readonly Fact[]): readonly Fact[] {
  const keep = keysOf(wanted);
  return [...seen].filter((key) => !keep.has(key)).flatMap((key) => removalOf(key) ?? []);
}

function removalOf(key: string): Fact | undefined {
  const [kind = '', ...words] = key.split(' ');
  const rest = words.join(' ');
  const gone = (program: Fact['program'], del: string): Fact => ({ key, program, add: '', del });
  const { device } = tunnel;
  // A type before the address (`local`, `broadcast`) is the kernel's own.
  const onOurs = [`dev ${device}`, `dev ${underlayPrefix}`, `metric ${fallbackMetric}`].some((words) =>
    rest.includes(` ${words}`),
  );
  if (kind === 'route' && /^(unreachable )?[\d.]+(\/\d+)? |^default /.test(rest) && onOurs)
    return gone('ip', `route del ${rest}`);
  if (kind === 'rule' && words[0] === 'pref' && isOurs(Number(words[1])))
    return gone('ip', `rule del ${rest}`);
  if (kind === 'neigh') return gone('ip', `neigh del ${words[0] ?? ''} dev ${device}`);
  if (kind === 'fdb' && !/^(33:33|01:00|00:00:00:00:00:00)/.test(rest) && words[1])
    return gone('bridge', `fdb del ${words[0] ?? ''} dev ${device} dst ${words.slice(1).join(' ')}`);
  return undefined;
}

function isOurs(place: number): boolean {
  return place >= pref.first && place <= pref.closed + 1;
}
