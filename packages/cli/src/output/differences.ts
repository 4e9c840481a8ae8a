import type { Difference } from '@gantry/model/differences';
import type { Format } from '../options.ts';

/** A line for what was (`-`) and what is to be (`+`), or the list itself for programs. */
export function showDifferences(found: readonly Difference[], format: Format): string {
  if (format === 'json' || format === 'yaml') return `${JSON.stringify(found, undefined, 2)}\n`;
  return found
    .flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`- ${path}: ${before}\n`]),
      ...(after === undefined ? [] : [`+ ${path}: ${after}\n`]),
    ])
    .join('');
}
