import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** One import of one file of ours by another. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** True if only types cross. */
  readonly typeOnly: boolean;
  /** True for `await import(…)`: loads later, so it makes no cycle at start. */
  readonly lazy: boolean;
}

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every source file of the product, without tests and generated code; paths from the root. */
export function sourceFiles(): readonly string[] {
  const dirs = ['model', 'kit', 'controller', 'agent', 'cli'].map((name) => `packages/${name}/src`);
  return [...dirs, 'proto/src'].flatMap((dir) =>
    readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
      .filter(
        (name) => name.endsWith('.ts') && !/\.(test|contract)\.ts$/.test(name) && !name.startsWith('gen/'),
      )
      .map((name) => join(dir, name)),
  );
}

export function parse(file: string): ts.SourceFile {
  const text = readFileSync(join(root, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

/** The imports of one file that lead to other files of ours. */
export function arrowsOf(file: string): readonly Arrow[] {
  const arrows: Arrow[] = [];
  const visit = (node: ts.Node): void => {
    const found = importIn(node);
    const to = found && target(file, found.specifier);
    if (found && to !== undefined)
      arrows.push({ from: file, to, typeOnly: found.typeOnly, lazy: found.lazy });
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return arrows;
}

interface Found {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly lazy: boolean;
}

function importIn(node: ts.Node): Found | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause), lazy: false };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly, lazy: false };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    if (specifier && ts.isStringLiteral(specifier))
      return { specifier: specifier.text, typeOnly: false, lazy: true };
  }
  return undefined;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  if (clause.name || !named || !ts.isNamedImports(named)) return false;
  return named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly);
}

function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return relative(root, join(root, dirname(file), specifier));
  const match = /^@gantry\/([^/]+)\/(.+)$/.exec(specifier);
  if (!match?.[1] || !match[2]) return undefined;
  return `${match[1] === 'proto' ? 'proto' : `packages/${match[1]}`}/src/${match[2]}.ts`;
}
