/** What a peer sent is not what the wire format allows; the message names the field. */
export class WireError extends Error {}

/** One of the words that the model knows. */
export function word<W extends string>(field: string, value: string, words: readonly W[]): W {
  const found = words.find((known) => known === value);
  if (found === undefined) throw new WireError(`${field} is "${value}"; known are ${words.join(', ')}`);
  return found;
}

export function present<T>(field: string, value: T | undefined): T {
  if (value === undefined) throw new WireError(`${field} is missing`);
  return value;
}
