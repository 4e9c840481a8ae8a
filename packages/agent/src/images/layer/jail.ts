import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { GantryError } from '@gantry/kit/errors';
import { execOk, type Exec } from '@gantry/kit/exec';
import { exposeToOom } from '@gantry/kit/oom';

/** A program that runs in a jail. */
export interface Jailed {
  readonly pid: number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  /** What it said when it ended badly, or nothing; never rejects. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** Programs that handle bytes of strangers, run where they can do no harm. */
export interface Jail {
  /** Makes a directory into a root for `run`: with the tools in `bin`, and nothing else of the host. */
  furnish(root: string): Promise<void>;
  /** Starts a tool with `root` as its root and `<root>/layer` as its directory: no network, few capabilities. */
  run(root: string, argv: readonly string[], stdin: 'pipe' | number, stdout: 'pipe' | 'ignore'): Jailed;
}

/** An archive may take long to unpack on a slow disk, but not for ever, ms. */
const timeoutMs = 600_000;

const tools = ['tar', 'setpriv', 'zstd'];
/** Owners, modes, whiteouts (mknod) and file capabilities; trusted.overlay.* needs the last. */
const capabilities = ['chown', 'dac_override', 'fowner', 'fsetid', 'mknod', 'setfcap', 'sys_admin'];

/** Copies the tools and the libraries that they load into `dir`, anew: they may have been upgraded. */
export async function openJail(exec: Exec, dir: string): Promise<Jail> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const files = new Map<string, string>();
  for (const tool of tools) {
    const path = await find(tool);
    if (path === undefined) continue; // said when it is needed
    files.set(tool, path);
    const loader = await loaderOf(path);
    files.set('ld.so', loader);
    const listed = await execOk(exec, [loader, '--list', path]);
    for (const [, library = ''] of listed.matchAll(/=> (\/\S+) \(/g)) files.set(basename(library), library);
  }
  for (const [name, path] of files) await copyFile(path, join(dir, name), constants.COPYFILE_FICLONE);
  return new ToolJail(dir, [...files.keys()]);
}

class ToolJail implements Jail {
  readonly #dir: string;
  readonly #names: readonly string[];

  constructor(dir: string, names: readonly string[]) {
    this.#dir = dir;
    this.#names = names;
  }

  async furnish(root: string): Promise<void> {
    await mkdir(join(root, 'bin'), { recursive: true, mode: 0o700 });
    // Copies, not links: what breaks out of one layer must not reach the next.
    for (const name of this.#names)
      await copyFile(join(this.#dir, name), join(root, 'bin', name), constants.COPYFILE_FICLONE);
  }

  run(root: string, argv: readonly string[], stdin: 'pipe' | number, stdout: 'pipe' | 'ignore'): Jailed {
    const [tool = '', ...args] = argv;
    if (!this.#names.includes(tool))
      throw new GantryError('image_refused', `the layer needs ${tool}, which this host does not have`, {
        hint: `install ${tool} on the host and restart the agent`,
      });
    const loaded = ['/bin/ld.so', '--library-path', '/bin'];
    const jailed = [
      '--net', '--ipc', '--uts', `--root=${root}`, '--wd=/layer', '--', ...loaded, '/bin/setpriv', '--no-new-privs',
      `--bounding-set=-all,${capabilities.map((name) => `+${name}`).join(',')}`, ...loaded, `/bin/${tool}`, ...args,
    ]; // prettier-ignore
    const child = spawn('unshare', jailed, {
      stdio: [stdin, stdout, 'pipe'],
      env: { LC_ALL: 'C', PATH: process.env['PATH'] },
    });
    if (child.pid !== undefined) void exposeToOom(child.pid);
    return watched(child);
  }
}

function watched(child: ChildProcess): Jailed {
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (stderr.length < 4_096) stderr += chunk.toString('latin1');
  });
  child.stdin?.on('error', () => undefined); // it may end before it has read everything; `ended` says why
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const [line = ''] = stderr.trim().split('\n');
      resolve(code === 0 ? '' : line || `it ended by ${signal ?? `exit code ${String(code)}`}`);
    });
  });
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    kill: () => void child.kill('SIGKILL'),
  };
}

async function find(tool: string): Promise<string | undefined> {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    const path = join(dir, tool);
    const there =
      dir !== '' &&
      (await stat(path).then(
        (info) => info.isFile(),
        () => false,
      ));
    if (there) return path;
  }
  return undefined;
}

/** The dynamic loader that a program names (PT_INTERP, which every linker puts into the first page). */
async function loaderOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4_096), 0, 4_096, 0);
    const loader = /\/[\w./-]*\/ld[\w.-]*\.so[\w.]*/.exec(buffer.toString('latin1', 0, bytesRead))?.[0];
    if (loader !== undefined) return loader;
  } finally {
    await file.close();
  }
  throw new GantryError('internal', `${path} names no dynamic loader`);
}
