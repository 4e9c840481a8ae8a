import { GantryError } from '@gantry/kit/errors';

/** What runc says → what a person should read. The first match wins. */
const explanations: readonly (readonly [pattern: RegExp, words: (match: RegExpExecArray) => string, hint: string])[] = [
  [
    /exec: "([^"]*)": (?:executable file not found|stat [^:]*: no such file)/,
    ([, name = '']) => `the image has no program ${name}`,
    'check entrypoint and command against the image',
  ],
  [
    /exec: "([^"]*)": permission denied/,
    ([, name = '']) => `${name} in the image is not executable`,
    'chmod +x it when the image is built, or change the command',
  ],
  [
    /exec format error/,
    () => 'the program is made for another kind of processor',
    'use an image for the architecture of this host',
  ],
  [/no such file or directory.*cwd|chdir to cwd \("([^"]*)"\)/, ([, dir = '']) => `the working directory ${dir} cannot be entered`, 'check working_dir'],
]; // prettier-ignore

/** The error of a create or start that failed: `invalid` when the container itself is wrong, else `internal`. */
export function explainCreateFailure(said: string): GantryError {
  const text = messageIn(said);
  for (const [pattern, words, hint] of explanations) {
    const match = pattern.exec(text);
    if (match) return new GantryError('invalid', words(match), { hint });
  }
  return new GantryError('internal', `runc could not make the container: ${text.slice(0, 400)}`);
}

/** runc logs `time=… level=error msg="…"`; the last message is the one that counts. */
function messageIn(said: string): string {
  const quoted = [...said.matchAll(/msg=("(?:[^"\\]|\\.)*")/g)].at(-1)?.[1];
  if (quoted !== undefined) return JSON.parse(quoted) as string;
  return said.trim().replaceAll(/\s+/g, ' ') || 'it said nothing';
}
