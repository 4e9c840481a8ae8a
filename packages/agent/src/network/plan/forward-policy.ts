/** A base chain of others that drops what is forwarded unless a rule of theirs lets it pass. */
export interface ClosedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

/** Links whose packets are decided on in our own table; others' firewalls let them pass. */
const links = ['gv', 'gx'] as const;
export const comment = 'gantry';

interface ChainRow {
  readonly chain?: ClosedChain & { readonly hook?: string; readonly policy?: string };
}

/** Chains that a docker, or another firewall, left with policy `drop`; from `nft -j list chains`. */
export function closedChains(json: string): readonly ClosedChain[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly ChainRow[] };
  return nftables.flatMap(({ chain }) =>
    chain?.hook === 'forward' &&
    chain.policy === 'drop' &&
    ['ip', 'inet'].includes(chain.family) &&
    chain.table !== 'gantry'
      ? [{ family: chain.family, table: chain.table, name: chain.name }]
      : [],
  );
}

/** nft commands that let our links pass; rules that iptables can show, so that its user sees them. */
export function openCommands({ family, table, name }: ClosedChain): readonly string[] {
  return passes().map(
    ([key, link]) =>
      `insert rule ${family} ${table} ${name} ${key} "${link}" counter accept comment "${comment}"`,
  );
}

/** The same for the older iptables, which nft does not see: what follows `iptables-legacy -w -I FORWARD`. */
export function legacyArguments(): readonly (readonly string[])[] {
  return passes().map(([key, link]) => [
    key === 'iifname' ? '-i' : '-o',
    link.replace('*', '+'),
    '-j',
    'ACCEPT',
  ]);
}

function passes(): readonly (readonly [key: 'iifname' | 'oifname', link: string])[] {
  return links.flatMap((link) => (['iifname', 'oifname'] as const).map((key) => [key, `${link}*`] as const));
}

/** Commands that remove our rules, from `nft -a list chain`. */
export function closeCommands({ family, table, name }: ClosedChain, listing: string): readonly string[] {
  const ours = [...listing.matchAll(new RegExp(`comment "${comment}" # handle (\\d+)`, 'g'))];
  return ours.map(([, handle]) => `delete rule ${family} ${table} ${name} handle ${handle ?? ''}`);
}
