import { table } from './ruleset.ts';

/** Blocks (sets, maps, chains) of our table by name, as `nft -s -t list ruleset` prints them; undefined: no table. */
export function tableBlocks(listing: string): ReadonlyMap<string, string> | undefined {
  const lines = listing.split('\n');
  const start = lines.indexOf(`table ${table} {`);
  if (start < 0) return undefined;
  const blocks = new Map<string, string>();
  let name = '';
  for (const line of lines.slice(start + 1)) {
    if (line === '}') break;
    const head = /^\t(?:set|map|chain) (\S+) \{$/.exec(line);
    if (head?.[1] !== undefined) blocks.set((name = head[1]), '');
    else if (line !== '\t}' && line !== '') blocks.set(name, `${blocks.get(name) ?? ''}${line}\n`);
  }
  return blocks;
}

/** What of the table is not as it was made: names of fixed blocks that changed, and of network blocks that are empty. */
export function tableFaults(
  fixed: ReadonlyMap<string, string>,
  made: readonly string[],
  now: ReadonlyMap<string, string> | undefined,
): readonly string[] {
  if (!now) return ['the whole table'];
  const changed = [...fixed].filter(([name, text]) => now.get(name) !== text).map(([name]) => name);
  return [...changed, ...made.filter((name) => (now.get(name) ?? '') === '')];
}

/** Blocks that no container's networks bring: they never change. */
export function fixedBlocks(blocks: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...blocks].filter(([name]) => !/^(net|ask|hear)_\d/.test(name)));
}
