import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { GantryError } from './errors.ts';
import { exposeToOom } from './oom.ts';

/** How a command ended and what it said. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Written to the command's stdin; without it stdin is empty. */
  readonly input?: string;
  /** SIGKILL after this long, ms; default 30 s. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Files that the command has open for reading and writing, by the number of its descriptor: 3 and on, without gaps. */
  readonly holds?: Readonly<Record<number, string>>;
  readonly signal?: AbortSignal;
  /** What is kept of stdout and of stderr, bytes each; default 1 MiB. The rest is dropped. */
  readonly maxOutput?: number;
  /** It works on much that strangers sent, and may be run again: the OOM killer takes it first, not who runs it. */
  readonly exposed?: boolean;
}

/** Runs an argv (never a shell) to its end and answers with its exit code; throws only if it cannot start or times out. */
export type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

export const exec: Exec = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const [file, ...args] = argv;
    if (file === undefined) throw new GantryError('internal', 'an empty command was run');
    const limit = options.maxOutput ?? 1 << 20;
    const held = Object.values(options.holds ?? {}).map((path) => openSync(path, 'r+'));
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe', ...held],
      ...(options.env && { env: { ...process.env, ...options.env } }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.signal && { signal: options.signal, killSignal: 'SIGKILL' }),
    });
    if (options.exposed && child.pid !== undefined) void exposeToOom(child.pid);
    for (const fd of held) closeSync(fd);
    const stdout = collect(child.stdout, limit);
    const stderr = collect(child.stderr, limit);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 30_000);
    child.stdin?.on('error', () => undefined); // the command may end before it has read everything
    child.stdin?.end(options.input ?? '');
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new GantryError('internal', `cannot run ${file}: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (timedOut) return reject(new GantryError('timeout', `${file} ${args[0] ?? ''} did not end in time`));
      resolve({ code: code ?? 128 + signalNumber(signal), stdout: stdout(), stderr: stderr() });
    });
  });

/** Runs an argv and throws with the last line of its stderr unless it exits 0; answers with its stdout. */
export async function execOk(run: Exec, argv: readonly string[], options?: ExecOptions): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim().split('\n').at(-1) ?? '';
  throw new GantryError('internal', `${argv.slice(0, 3).join(' ')} failed (${result.code}): ${said}`);
}

function collect(stream: NodeJS.ReadableStream | null, limit: number): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (size < limit) parts.push(chunk.subarray(0, limit - size));
    size += chunk.length;
  });
  return () => Buffer.concat(parts).toString('utf8');
}

const signals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
function signalNumber(signal: string | null): number {
  return signal === null ? 0 : (signals[signal] ?? 0);
}
