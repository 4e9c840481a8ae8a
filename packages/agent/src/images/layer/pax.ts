import { refuse } from './entry.ts';

/** `key=value` pairs of a pax header's content (POSIX.1-2001), latin1; a later pair of the same key wins. */
export function parsePax(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (const [key, value] of paxRecords(content)) records.set(key, value);
  return records;
}

/** All pairs in their order: GNU's sparse format 0.0 says the same keys again and again. */
export function* paxRecords(content: Buffer): Generator<readonly [key: string, value: string]> {
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const digits = content.toString('latin1', at, Math.max(at, Math.min(space, at + 10)));
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
    const end = at + length - 1;
    if (length <= space - at + 1 || end >= content.length || content[end] !== 0x0a) malformed();
    const equals = content.indexOf(0x3d, space);
    if (equals <= space + 1 || equals >= end) malformed();
    yield [content.toString('latin1', space + 1, equals), content.toString('latin1', equals + 1, end)];
    at += length;
  }
}

/** One pair as it stands in a header's content. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return `${length}${rest}`;
}

function malformed(): never {
  refuse('a pax header is malformed');
}
