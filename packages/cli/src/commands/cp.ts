import { spawn, type ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Client } from '../client.ts';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { runRemote } from './exec.ts';

/** A place in a container, or here. */
type Place = { readonly task: string; readonly path: string } | { readonly path: string };

/** `gantry cp TASK:PATH PATH`, or the other way: by the `tar` of the image and the one of this machine. */
export function cpCommand(io: Io, options: GlobalOptions, from: string, to: string): Promise<number> {
  const [source, target] = [placeOf(from), placeOf(to)];
  return withContext(io, options, async ({ client }) => {
    if ('task' in source && !('task' in target)) return download(client, io, source, target.path);
    if ('task' in target && !('task' in source)) return upload(client, io, source.path, target);
    throw new GantryError('invalid', 'one of the two is in a container, the other is here', {
      hint: 'write SERVICE[.SLOT]:/path for the one in the container',
    });
  });
}

/** `web.1:/etc/passwd` is in a container; `./a:b` and `/a:b` are here. */
function placeOf(text: string): Place {
  const match = /^([^/.:][^/:]*(?:\/[^/:]+)?):(.*)$/.exec(text);
  if (match?.[1] === undefined) return { path: text };
  const path = match[2] ?? '';
  if (!path.startsWith('/')) {
    throw new GantryError('invalid', `"${path}" is not an absolute path in the container`);
  }
  return { task: match[1], path: posix.normalize(path) };
}

async function download(
  client: Client,
  io: Io,
  source: { task: string; path: string },
  to: string,
): Promise<number> {
  const name = posix.basename(source.path) || '.';
  const isDirectory = await stat(to).then(
    (info) => info.isDirectory(),
    () => false,
  );
  const target = isDirectory || to.endsWith('/') ? resolve(to, name) : resolve(to);
  // What comes out of a container is not trusted: no owners, no devices, one name at the top.
  const argv = [
    '-xf',
    '-',
    '-C',
    dirname(target),
    '--no-same-owner',
    '--no-overwrite-dir',
    '--transform',
    renamed(name, basename(target)),
  ];
  const tar = spawn('tar', argv, { stdio: ['pipe', 'ignore', 'pipe'] });
  const [said, ended] = [errorsOf(tar), endOf(tar)];
  const remote = {
    task: source.task,
    argv: ['tar', '-cf', '-', '-C', posix.dirname(source.path), '--', name],
  };
  const code = await run(client, io, remote, { input: undefined, output: tar.stdin });
  tar.stdin.end();
  const local = await ended;
  return finish(code, local, said(), `${source.task}:${source.path}`);
}

async function upload(
  client: Client,
  io: Io,
  from: string,
  target: { task: string; path: string },
): Promise<number> {
  const path = resolve(from);
  await stat(path).catch(() => {
    throw new GantryError('not_found', `there is no ${from}`);
  });
  // `dir/` and what is a directory there take the name along; anything else is the new name.
  const into = target.path.endsWith('/') || (await isDirectoryThere(client, io, target));
  const [dir, name] = into
    ? [target.path, basename(path)]
    : [posix.dirname(target.path), posix.basename(target.path)];
  const argv = [
    '-cf',
    '-',
    '-C',
    dirname(path),
    '--transform',
    renamed(basename(path), name),
    '--',
    basename(path),
  ];
  const tar = spawn('tar', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, ended] = [errorsOf(tar), endOf(tar)];
  const remote = { task: target.task, argv: ['tar', '-xf', '-', '-C', dir] };
  const code = await run(client, io, remote, { input: tar.stdout, output: io.stderr });
  if (code !== 0) tar.kill();
  return finish(code, code === 0 ? await ended : 0, said(), `${target.task}:${target.path}`);
}

async function isDirectoryThere(
  client: Client,
  io: Io,
  { task, path }: { task: string; path: string },
): Promise<boolean> {
  const code = await run(
    client,
    io,
    { task, argv: ['test', '-d', path] },
    { input: undefined, output: io.stderr },
  );
  return code === 0;
}

function run(
  client: Client,
  io: Io,
  { task, argv }: { readonly task: string; readonly argv: readonly string[] },
  streams: { readonly input: NodeJS.ReadableStream | undefined; readonly output: NodeJS.WritableStream },
): Promise<number> {
  const open = { task, argv: [...argv], tty: undefined, env: [], cwd: undefined, user: undefined };
  return runRemote(client, open, {
    ...streams,
    errors: io.stderr,
    resized: undefined,
    onInterrupt: io.onInterrupt.bind(io),
  });
}

/** GNU tar's `--transform`: the name at the top becomes another one; links keep what they point at. */
function renamed(from: string, to: string): string {
  const escaped = (text: string): string => text.replaceAll(/[\\.*[\]^$,&]/g, '\\$&');
  return `flags=rSH;s,^${escaped(from)},${escaped(to)},`;
}

function errorsOf({ stderr }: ChildProcess): () => string {
  let said = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-1_000)));
  return () => said.trim().split('\n').at(-1) ?? '';
}

function endOf(child: ChildProcess): Promise<number> {
  child.stdin?.on('error', () => undefined); // it may end before it has read everything
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new GantryError('internal', `tar cannot be run: ${cause.message}`)),
    );
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function finish(remote: number, local: number, said: string, what: string): number {
  if (remote === 127) {
    throw new GantryError('invalid', `the image of ${what} has no tar, which copying needs`, {
      hint: 'add tar to the image, or mount a volume',
    });
  }
  if (remote !== 0) return 1; // its words have been shown
  if (local !== 0) throw new GantryError('internal', `copying failed: ${said}`);
  return 0;
}
