import { open } from 'node:fs/promises';
import { explainInitFailure } from './explain.ts';

/** What inits end with when they cannot run the program, as shells do: not executable, not found. */
const exitCodes: readonly number[] = [126, 127];

/**
 * Why an init could not run the program it was given, read from the beginning of the container's log: without an init runc
 * would have refused the container with these words. Undefined for any other end.
 */
export async function noteOfInit(logPath: string, exitCode: number): Promise<string | undefined> {
  if (!exitCodes.includes(exitCode)) return undefined;
  const file = await open(logPath).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2_048), 0, 2_048, 0);
    return explainInitFailure(joined(buffer.toString('utf8', 0, bytesRead)));
  } finally {
    await file.close();
  }
}

/** Without conmon's stamps, and with the pieces (P) of a line that was written in pieces put together. */
export function joined(log: string): string {
  return log.replaceAll(/^\S+ std(?:out|err) ([PF]) (.*)\n?/gm, (_line, kind: string, text: string) =>
    kind === 'P' ? text : `${text}\n`,
  );
}
