import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecPlan, TerminalSize } from '../execution.ts';
import type { OciProcess, OciSpec } from './oci-types.ts';

/**
 * The process of an execution with a terminal: the container's own with other words. As flags of `runc exec` the size of
 * the terminal would follow a moment after the start, and a quick program would find one of no size.
 */
export function terminalProcess(
  own: OciProcess,
  plan: ExecPlan,
  { rows, columns }: TerminalSize,
): OciProcess & { readonly consoleSize: { readonly height: number; readonly width: number } } {
  const [uid, gid] = (plan.user ?? '').split(':').map(Number);
  const user = { ...own.user, ...(plan.user !== undefined && { uid: uid ?? 0, gid: gid ?? own.user.gid }) };
  return {
    ...own,
    terminal: true,
    consoleSize: { height: rows, width: columns },
    user,
    args: plan.argv,
    env: [...own.env, ...(plan.env ?? [])],
    cwd: plan.cwd ?? own.cwd,
  };
}

/** Writes it for runc to read, from what the container of this bundle was made of. */
export async function writeTerminalProcess(
  bundle: string,
  file: string,
  plan: ExecPlan,
  size: TerminalSize,
): Promise<void> {
  const spec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')) as OciSpec;
  await writeFile(file, JSON.stringify(terminalProcess(spec.process, plan, size)), { mode: 0o600 });
}
