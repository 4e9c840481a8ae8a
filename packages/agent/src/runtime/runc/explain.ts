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
  [
    /chdir to cwd \("([^"]*)"\)/,
    ([, dir = '']) => `the working directory ${dir} cannot be entered`,
    'check working_dir and the user',
  ],
  [
    /unable to apply caps|unknown capability/,
    () => 'this host cannot give the container all the capabilities it asks for',
    'ask for less in cap_add',
  ],
  [
    /cpuset\.cpus: (?:numerical result out of range|permission denied|invalid argument)/,
    () => 'this host does not have the processors that cpuset names',
    'name processors that every host of the service has, e.g. 0-1',
  ],
  [
    /(?:open|write) \/proc\/sys\/(\S+?):? .*(?:no such file|permission denied|invalid argument|read-only)/,
    ([, name = '']) => `this host cannot set the sysctl ${name.replaceAll('/', '.').replace(/:$/, '')}`,
    'check the name and the value; some settings belong to the whole host',
  ],
  [
    /apparmor failed to apply profile|apparmor profile .* not found/i,
    () => 'this host does not know the AppArmor profile',
    'load it on the host, or leave apparmor out of security_opt',
  ],
  [
    /OOM-killed|memory limit too low|container init was killed/i,
    () => 'the memory limit is too low to start the container',
    'runc itself needs about 8 MiB: raise the limit',
  ],
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

/** What an init says when it cannot run the program it was given; undefined for everything else. */
export function explainInitFailure(said: string): string | undefined {
  const [, name = '', why = ''] = /\[FATAL tini \(\d+\)\] exec (.+) failed: (.+)/.exec(said) ?? [];
  if (/^No such file/.test(why))
    return `the image has no program ${name}, or not the interpreter that it names`;
  if (/^Permission denied/.test(why)) return `${name} in the image is not executable`;
  return why === '' ? undefined : `${name} in the image cannot be run: ${why}`;
}

/** runc logs `time=… level=error msg="…"`; the last message is the one that counts. */
function messageIn(said: string): string {
  const quoted = [...said.matchAll(/msg=("(?:[^"\\]|\\.)*")/g)].at(-1)?.[1];
  if (quoted !== undefined) return JSON.parse(quoted) as string;
  return said.trim().replaceAll(/\s+/g, ' ') || 'it said nothing';
}
