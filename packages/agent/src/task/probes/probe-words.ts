/** Longer words would fill every list of tasks, characters. */
const maxWords = 200;

/** Text of a container for a person: one line, no control characters, not long. */
export function shortened(text: string): string {
  // Control characters must not reach a terminal.
  const line = text.replaceAll(/[\0-\x1f\x7f-\x9f\s]+/g, ' ').trim();
  return line.length <= maxWords ? line : `${line.slice(0, maxWords - 1)}…`;
}
