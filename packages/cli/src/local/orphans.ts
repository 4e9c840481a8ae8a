import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, readBootId, startTimeOf, type ProcessIdentity } from '@gantry/kit/process';
import { waitFor } from './wait.ts';

/** An orphan gets so long to end by itself, ms. */
const graceMs = 5_000;

/**
 * Remembers the programs of a local cluster, so that the next one of its name can end them if this process is killed and
 * never comes to it.
 */
export async function remember(dir: string, name: string, pid: number): Promise<void> {
  const [startTime, bootId] = await Promise.all([startTimeOf(pid), readBootId()]);
  if (startTime === undefined) return;
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await writeFile(join(dir, `${name}.json`), JSON.stringify({ pid, startTime, bootId }));
}

/** Ends what an earlier cluster of the same name left running; a pid that means another program now is left alone. */
export async function endOrphans(dir: string): Promise<void> {
  const bootId = await readBootId();
  const files = await readdir(dir).catch(() => []);
  await Promise.all(
    files.map(async (file) => {
      const orphan = identityIn(await readFile(join(dir, file), 'utf8'));
      if (orphan) await endProcess(orphan, bootId);
    }),
  );
}

async function endProcess(orphan: ProcessIdentity, bootId: string): Promise<void> {
  if (!(await isAlive(orphan, bootId))) return;
  const gone = async (): Promise<true | undefined> => ((await isAlive(orphan, bootId)) ? undefined : true);
  const what = `the end of process ${orphan.pid}`;
  signal(orphan.pid, 'SIGTERM');
  await waitFor(what, gone, graceMs).catch(() => signal(orphan.pid, 'SIGKILL'));
  await waitFor(what, gone, graceMs);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended by itself
  }
}

function identityIn(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return undefined; // cut off while it was written; the program it is about began a moment before the kill
  }
}
