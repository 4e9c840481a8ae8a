import { open, type FileHandle } from 'node:fs/promises';
import { explainInitFailure } from './explain.ts';

/** What inits end with when they cannot run the program, as shells do: not executable, not found. */
const exitCodes: readonly number[] = [126, 127];

/** A file that is moved away between being looked for and being opened is looked for again, so often. */
const attempts = 3;

/**
 * Why an init could not run the program it was given, read from the beginning of the container's log: without an init runc
 * would have refused the container with these words. Undefined for any other end.
 */
export async function noteOfInit(
  logStart: () => Promise<string | undefined>,
  exitCode: number,
): Promise<string | undefined> {
  if (!exitCodes.includes(exitCode)) return undefined;
  const file = await openStart(logStart);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2_048), 0, 2_048, 0);
    return explainInitFailure(joined(buffer.toString('utf8', 0, bytesRead)));
  } finally {
    await file.close();
  }
}

async function openStart(logStart: () => Promise<string | undefined>): Promise<FileHandle | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const path = await logStart();
    if (path === undefined) return undefined;
    const file = await open(path).catch(() => undefined);
    if (file) return file;
  }
  return undefined;
}

/** Without conmon's stamps, and with the pieces (P) of a line that was written in pieces put together. */
export function joined(log: string): string {
  return log.replaceAll(/^\S+ std(?:out|err) ([PF]) (.*)\n?/gm, (_line, kind: string, text: string) =>
    kind === 'P' ? text : `${text}\n`,
  );
}
