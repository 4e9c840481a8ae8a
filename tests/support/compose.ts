import { showProblems } from '../../packages/cli/src/compose/problems.ts';
import { readCompose, type ComposeInput, type ComposeResult } from '../../packages/cli/src/compose/read.ts';

export function read(source: string, more: Partial<ComposeInput> = {}): ComposeResult {
  return readCompose({
    source,
    stack: { fallback: 'shop' },
    variables: {},
    readFile: () => undefined,
    sugar: false,
    ...more,
  });
}

/** A file with one service that has these lines. */
export function web(...lines: readonly string[]): string {
  return ['services:', '  web:', '    image: nginx:1', ...lines.map((line) => `    ${line}`), ''].join('\n');
}

export function report(source: string, more: Partial<ComposeInput> = {}): string {
  return showProblems('compose.yaml', source, read(source, more).problems);
}

export function said(source: string, more: Partial<ComposeInput> = {}): readonly string[] {
  return read(source, more).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}
