import { tunnel } from './address-plan.ts';

/** What the kernel's tools say, as JSON: `ip -j route show table all`, `ip -j rule`, `ip -j neigh`, `bridge -j fdb`. */
export interface ToolOutput {
  readonly routes: string;
  readonly rules: string;
  readonly neighbours: string;
  readonly forwarding: string;
}

interface RouteRow {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly table?: string;
  readonly metric?: number;
}
interface RuleRow {
  readonly priority: number;
  readonly iif?: string;
  readonly not?: null;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly goto?: number;
  readonly nop?: null;
  readonly table?: string;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly suppress_prefixlen?: number;
  readonly action?: string;
}
interface NeighbourRow {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}
interface ForwardingRow {
  readonly mac: string;
  readonly dst?: string;
  readonly viaIf?: string;
}

/** Keys of the facts that stand in the kernel (and of much that is not ours). Words of `facts.ts`. */
export function observedKeys(output: ToolOutput): ReadonlySet<string> {
  return new Set([
    ...(rows(output.routes) as RouteRow[]).map(routeKey),
    ...(rows(output.rules) as RuleRow[]).map(ruleKey),
    ...(rows(output.neighbours) as NeighbourRow[])
      .filter(({ state }) => state.includes('PERMANENT'))
      .map(({ dst, lladdr }) => `neigh ${dst} ${lladdr ?? ''}`),
    ...(rows(output.forwarding) as ForwardingRow[]).map(
      ({ mac, dst, viaIf }) => `fdb ${mac} ${dst ?? ''}${viaIf === undefined ? '' : ` via ${viaIf}`}`,
    ),
  ]);
}

function routeKey({ type, dst, gateway, dev, table, metric }: RouteRow): string {
  const words = [
    'route',
    type,
    dst,
    gateway === undefined ? undefined : `via ${gateway}`,
    dev === undefined ? undefined : `dev ${dev}`,
    table === undefined || table === 'main' ? undefined : `table ${table}`,
    metric === undefined || metric === 0 ? undefined : `metric ${metric}`,
  ];
  return words.filter((word) => word !== undefined).join(' ');
}

function ruleKey(row: RuleRow): string {
  const words = [
    `rule pref ${row.priority}`,
    row.dst === undefined ? undefined : `to ${row.dst}${row.dstlen ? `/${row.dstlen}` : ''}`,
    row.not === undefined ? undefined : 'not',
    row.iif === undefined ? undefined : `iif ${row.iif}`,
    row.fwmark === undefined ? undefined : `fwmark ${row.fwmark}${row.fwmask ? `/${row.fwmask}` : ''}`,
    row.goto === undefined ? undefined : `goto ${row.goto}`,
    row.nop === undefined ? undefined : 'nop',
    row.table === undefined ? undefined : `lookup ${row.table}`,
    row.suppress_prefixlen === undefined ? undefined : `suppress_prefixlength ${row.suppress_prefixlen}`,
    row.action,
  ];
  return words.filter((word) => word !== undefined).join(' ');
}

/** A tool that finds nothing may say nothing at all. */
function rows(json: string): readonly unknown[] {
  return json.trim() === '' ? [] : (JSON.parse(json) as unknown[]);
}

interface LinkRow {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly linkinfo?: {
    readonly info_data?: { readonly id?: number; readonly local?: string; readonly link?: string };
  };
}

/** Names of all links that are up, from `ip -j link show`. */
export function linksUp(json: string): ReadonlySet<string> {
  return new Set(
    (rows(json) as LinkRow[]).filter(({ flags }) => flags.includes('UP')).map(({ ifname }) => ifname),
  );
}

/** What packets may be long on each link, from `ip -j link show`. */
export function linkMtus(json: string): ReadonlyMap<string, number> {
  return new Map((rows(json) as LinkRow[]).map(({ ifname, mtu }) => [ifname, mtu]));
}

/** The link below a tunnel, from `ip -j -d link show dev gx`; empty: whichever the routes say; undefined: no tunnel. */
export function lowerLink(link: string): string | undefined {
  const [row] = rows(link) as LinkRow[];
  return row && (row.linkinfo?.info_data?.link ?? '');
}

export interface LinkWish {
  readonly address: string;
  readonly mtu: number;
}

/** True if `ip -j addr show dev LINK` tells of a link that is up and as it should be. */
export function linkStands(said: string, { address, mtu }: LinkWish): boolean {
  const [row] = rows(said) as (LinkRow & { addr_info?: readonly { local: string }[] })[];
  if (!row?.flags.includes('UP') || row.mtu !== mtu) return false;
  return (row.addr_info ?? []).some(({ local }) => local === address);
}

/** True if `ip -j -d addr show dev gx` tells of a tunnel as it should be. */
export function tunnelStands(
  said: string,
  wanted: LinkWish & { readonly local: string; readonly lower?: string; readonly mac: string },
): boolean {
  const [row] = rows(said) as (LinkRow & { addr_info?: readonly { local: string }[] })[];
  const data = row?.linkinfo?.info_data;
  return (
    row !== undefined &&
    row.flags.includes('UP') &&
    row.mtu === wanted.mtu &&
    row.address === wanted.mac &&
    data?.id === tunnel.id &&
    data.local === wanted.local &&
    data.link === wanted.lower &&
    (row.addr_info ?? []).some(({ local }) => local === wanted.address)
  );
}
