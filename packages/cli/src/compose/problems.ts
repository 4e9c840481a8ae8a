/** Something wrong with a file, and where. Line and column count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** Characters to underline. */
  readonly length: number;
  readonly message: string;
  readonly hint?: string;
}

/** Problems as a person reads them: `file:line:col: message`, the line itself, carets and the hint below. */
export function showProblems(file: string, source: string, problems: readonly Problem[]): string {
  const lines = source.split('\n');
  return [...problems]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map((problem) => showProblem(file, lines, problem))
    .join('\n');
}

function showProblem(
  file: string,
  lines: readonly string[],
  { line, column, length, message, hint }: Problem,
): string {
  const text = (lines[line - 1] ?? '').trimEnd();
  const gutter = String(line).padStart(5);
  const carets = '^'.repeat(Math.max(1, Math.min(length, text.length - column + 1)));
  const below = `${' '.repeat(5)} | ${' '.repeat(column - 1)}${carets}${hint === undefined ? '' : ` ${hint}`}`;
  return `${file}:${line}:${column}: ${message}\n${gutter} | ${text}\n${below}`;
}
