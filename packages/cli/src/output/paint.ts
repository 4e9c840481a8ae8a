import { styleText } from 'node:util';
import type { Screen } from '../io.ts';
import type { ColourMode } from '../options.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta' | 'blue';

/** Text in a colour, or as it is where the stream shows none (no terminal, NO_COLOR). */
export type Paint = (style: Style, text: string) => string;

export function createPaint(mode: ColourMode, stream: Screen): Paint {
  if (mode === 'never') return (_, text) => text;
  const options = mode === 'always' ? { validateStream: false } : { stream, validateStream: true };
  return (style, text) => styleText(style, text, options);
}
