import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';

/** Runs many `ip` commands in one process. With `force` what fails is left out, for removing what may be gone. */
export async function ipBatch(
  exec: Exec,
  lines: readonly string[],
  options: { readonly netns?: string; readonly force?: boolean } = {},
): Promise<void> {
  if (lines.length === 0) return;
  const argv = [
    'ip',
    ...(options.netns === undefined ? [] : ['-netns', options.netns]),
    ...(options.force ? ['-force'] : []),
    '-batch',
    '-',
  ];
  await run(exec, argv, lines, options.force ?? false);
}

export async function bridgeBatch(exec: Exec, lines: readonly string[], force = false): Promise<void> {
  if (lines.length === 0) return;
  await run(exec, ['bridge', ...(force ? ['-force'] : []), '-batch', '-'], lines, force);
}

/** Runs many `tc` commands in one process. */
export async function tcBatch(exec: Exec, lines: readonly string[], force = false): Promise<void> {
  if (lines.length === 0) return;
  await run(exec, ['tc', ...(force ? ['-force'] : []), '-batch', '-'], lines, force);
}

/** One nft transaction: all of it or nothing. */
export async function nft(exec: Exec, text: string): Promise<void> {
  const result = await exec(['nft', '-f', '-'], { input: text });
  if (result.code !== 0) throw refusal(result.stderr, text) ?? failed('nft', result.stderr, text);
}

/** What nft complains of about a text, with the line that it means; undefined if it does not. */
export function refusal(said: string, text: string): GantryError | undefined {
  // As `./7.nft:3:1-9: Error: …`, `Error: …` or `netlink: Error: …`.
  const [complaint, line] = /^(?:\S+?:(\d+):[\d-]+: |netlink: )?Error: .*/m.exec(said) ?? [];
  if (complaint === undefined) return undefined;
  const command = line === undefined ? '' : ` at "${text.split('\n')[Number(line) - 1] ?? ''}"`;
  return new GantryError('internal', `nft failed${command}: ${complaint}`);
}

async function run(
  exec: Exec,
  argv: readonly string[],
  lines: readonly string[],
  force: boolean,
): Promise<void> {
  const input = `${lines.join('\n')}\n`;
  const result = await exec(argv, { input });
  if (result.code !== 0 && !force) throw failed(argv[0] ?? '', result.stderr, input);
}

function failed(program: string, stderr: string, input: string): GantryError {
  const line = Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 0);
  const command = line > 0 ? ` at "${input.split('\n')[line - 1] ?? ''}"` : '';
  return new GantryError('internal', `${program} failed${command}: ${stderr.trim().split('\n')[0] ?? ''}`);
}
