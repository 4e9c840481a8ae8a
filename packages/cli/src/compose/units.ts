/** Go's durations as Compose takes them: `1m30s`, `500ms`, `1h`; a plain number is none. In ms; undefined if malformed. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h|d))+$/.test(text)) return text === '0' ? 0 : undefined;
  const units: Readonly<Record<string, number>> = {
    us: 0.001,
    ms: 1,
    s: 1_000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  };
  let total = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/g)) {
    total += Number(amount) * (units[unit] ?? 0);
  }
  return Math.round(total);
}

/** Docker's sizes, 1024-based: `256M`, `256Mi`, `256MiB`, `1g`, `1048576`. In bytes; undefined if malformed. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text.trim());
  if (!match) return undefined;
  const power = ['', 'k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase());
  return Math.round(Number(match[1]) * 1_024 ** power);
}

/** Bits a second, 1000-based, always with their unit: `10mbit`, `1.5gbit/s`; undefined if malformed. */
export function parseBitRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)bits?(?:\/s)?$/i.exec(text.trim());
  if (!match) return undefined;
  const power = ['', 'k', 'm', 'g'].indexOf((match[2] ?? '').toLowerCase());
  return Math.round(Number(match[1]) * 1_000 ** power);
}

/** Cores: `0.5` is 500. In millicores; undefined if malformed. */
export function parseCores(text: string): number | undefined {
  const cores = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || cores <= 0) return undefined;
  return Math.max(1, Math.round(cores * 1_000));
}

/** Without the keys whose value is undefined. */
export function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Permissions in octal: `1777`, `0755`, `0o700`; undefined if malformed. */
export function parseMode(text: string): number | undefined {
  const digits = /^(?:0o)?([0-7]{1,5})$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** The list, or undefined for an empty one: absent is the default everywhere. */
export function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length > 0 ? values : undefined;
}

/** The object, or undefined for an empty one. */
export function someOf<T extends object>(values: T): T | undefined {
  return Object.keys(values).length > 0 ? values : undefined;
}

export function record(entries: readonly (readonly [string, string | undefined])[]): Record<string, string> {
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}
