import type { ExecOptions } from './exec.ts';
import { GantryError } from './errors.ts';

/** Files that what a command says is led to. */
export interface OutputFiles {
  readonly stdout: string;
  readonly stderr: string;
}

/** A word that every POSIX shell reads as exactly this text. Throws `invalid` for what no argv can hold. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new GantryError('invalid', 'an argument of a command cannot hold a NUL');
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * A shell command that runs `argv` and then says its exit code on a line. `exec` in a subshell, so that a name is always that of
 * a program, never of a command of the shell.
 */
export function shellCommand(
  argv: readonly string[],
  files: OutputFiles,
  { cwd, env = {}, holds = {}, input = '' }: Pick<ExecOptions, 'cwd' | 'env' | 'holds' | 'input'> = {},
): string {
  const variables = Object.entries(env).map(([name, value]) => `${variable(name)}=${quote(value)} `);
  const held = Object.entries(holds).map(([fd, path]) => ` ${descriptor(fd)}<>${quote(path)}`);
  const change = cwd === undefined ? '' : `cd ${quote(cwd)} && `;
  const outputs = `>${quote(files.stdout)} 2>${quote(files.stderr)}`;
  const command = `(${change}${variables.join('')}exec ${argv.map(quote).join(' ')}${held.join('')})`;
  if (input.includes('\0')) throw new GantryError('invalid', 'the input of a command cannot hold a NUL');
  if (input === '') return `${command} </dev/null ${outputs}; echo $?\n`;
  if (!input.endsWith('\n')) return `printf %s ${quote(input)} | ${command} ${outputs}; echo $?\n`;
  const end = endOf(input);
  return `${command} <<'${end}' ${outputs}; echo $?\n${input}${end}\n`;
}

/** A line that the text does not have: it ends what follows a command (a here-document), read without a look at its words. */
function endOf(text: string): string {
  let end = 'END';
  while (text.includes(end)) end += '_';
  return end;
}

function variable(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new GantryError('invalid', `${name} is no name of an environment variable`);
  return name;
}

/** A POSIX shell knows descriptors of one digit. */
function descriptor(fd: string): string {
  if (!/^[3-9]$/.test(fd)) throw new GantryError('invalid', `a command cannot be given descriptor ${fd}`);
  return fd;
}
