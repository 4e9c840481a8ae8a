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
}
interface NeighbourRow {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}
interface ForwardingRow {
  readonly mac: string;
  readonly dst?: string;
}

/** Keys of the facts that stand in the kernel (and of much that is not ours). Words of `facts.ts`. */
export function observedKeys(output: ToolOutput): ReadonlySet<string> {
  return new Set([
    ...(rows(output.routes) as RouteRow[]).map(routeKey),
    ...(rows(output.rules) as RuleRow[]).map(ruleKey),
    ...(rows(output.neighbours) as NeighbourRow[])
      .filter(({ state }) => state.includes('PERMANENT'))
      .map(({ dst, lladdr }) => `neigh ${dst} ${lladdr ?? ''}`),
    ...(rows(output.forwarding) as ForwardingRow[]).map(({ mac, dst }) => `fdb ${mac} ${dst ?? ''}`),
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
    row.not === undefined ? undefined : 'not',
    row.iif === undefined ? undefined : `iif ${row.iif}`,
    row.fwmark === undefined ? undefined : `fwmark ${row.fwmark}${row.fwmask ? `/${row.fwmask}` : ''}`,
    row.goto === undefined ? undefined : `goto ${row.goto}`,
    row.nop === undefined ? undefined : 'nop',
    row.table === undefined ? undefined : `lookup ${row.table}`,
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
  readonly linkinfo?: { readonly info_data?: { readonly id?: number; readonly local?: string } };
}

/** Names of all links that are up, from `ip -j link show`. */
export function linksUp(json: string): ReadonlySet<string> {
  return new Set(
    (rows(json) as LinkRow[]).filter(({ flags }) => flags.includes('UP')).map(({ ifname }) => ifname),
  );
}

/** True if `ip -j -d link show dev gx` tells of a tunnel as it should be; `address`: `ip -j addr show dev gx`. */
export function tunnelStands(
  link: string,
  address: string,
  wanted: { readonly local: string; readonly mac: string; readonly address: string; readonly mtu: number },
): boolean {
  const [row] = rows(link) as LinkRow[];
  const data = row?.linkinfo?.info_data;
  const has = (rows(address) as { addr_info?: readonly { local: string }[] }[]).flatMap(
    (found) => found.addr_info ?? [],
  );
  return (
    row !== undefined &&
    row.flags.includes('UP') &&
    row.mtu === wanted.mtu &&
    row.address === wanted.mac &&
    data?.id === tunnel.id &&
    data.local === wanted.local &&
    has.some(({ local }) => local === wanted.address)
  );
}
