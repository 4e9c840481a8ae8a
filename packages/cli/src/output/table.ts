/**
 * Columns without borders, as wide as their widest cell; the last is not padded, and cut where the screen ends.
 * Answers with the lines, the header first.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Infinity,
): readonly string[] {
  const all = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : pad(cell, widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return all.map((row) => cut(line(row), columns));
}

/** The text in at most so many characters, with `…` for what is left out. */
export function cut(text: string, columns: number): string {
  const characters = Array.from(text);
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`;
}

function pad(cell: string, to: number): string {
  return cell + ' '.repeat(Math.max(0, to - width(cell)));
}

/** Cells on the screen: characters, not UTF-16 units. */
function width(text: string): number {
  return Array.from(text).length;
}

/** What others wrote must not move the cursor or colour the screen: control characters are shown as `?`. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
