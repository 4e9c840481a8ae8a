/** Where something stands in a file. Line and column count from 1. */
export interface Spot {
  readonly line: number;
  readonly column: number;
  /** Characters to underline. */
  readonly length: number;
}

/** Something wrong with a file, and where. */
export interface Problem extends Spot {
  readonly message: string;
  readonly hint?: string;
}

/** More than a screen of problems helps nobody. */
const maxShown = 20;

/** Problems as a person reads them: `file:line:col: message`, the line itself, carets and the hint below. */
export function showProblems(file: string, source: string, problems: readonly Problem[]): string {
  const lines = source.split('\n');
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const shown = sorted.slice(0, maxShown).map((problem) => showProblem(file, lines, problem));
  const more = sorted.length - shown.length;
  return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

function showProblem(
  file: string,
  lines: readonly string[],
  { line, column, length, message, hint }: Problem,
): string {
  const text = (lines[line - 1] ?? '').trimEnd();
  const gutter = String(line).padStart(5);
  // Tabs stay, so that the carets stand below what they mean.
  const before = text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(length, text.length - column + 1)));
  const below = `${' '.repeat(5)} | ${before}${carets}${hint === undefined ? '' : ` ${hint}`}`;
  return `${file}:${line}:${column}: ${message}\n${gutter} | ${text}\n${below}`;
}
