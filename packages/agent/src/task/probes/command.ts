import type { Readable } from 'node:stream';
import type { Runtime } from '../../runtime/runtime.ts';
import type { ProbeResult } from '../health.ts';
import { shortened } from './probe-words.ts';

/** What is kept of a probe's output; the rest is read and dropped, bytes. */
const maxOutput = 4_096;

/** Runs a command in the container: exit code 0 is well. Its end is waited for, also after an abort. */
export async function probeCommand(
  runtime: Pick<Runtime, 'exec'>,
  id: string,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<ProbeResult> {
  const execution = await runtime.exec(id, { argv });
  execution.input.end();
  const close = (): void => void execution.close();
  if (signal.aborted) close();
  signal.addEventListener('abort', close, { once: true });
  const said = [kept(execution.output), ...(execution.errors ? [kept(execution.errors)] : [])];
  const code = await execution.exit;
  signal.removeEventListener('abort', close);
  const words = shortened(said.map((text) => text()).join(' '));
  return {
    ok: code === 0,
    words: code === 0 ? words : `exit code ${code}${words === '' ? '' : `: ${words}`}`,
  };
}

function kept(stream: Readable): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < maxOutput) parts.push(chunk.subarray(0, maxOutput - size));
    size += chunk.length;
  });
  stream.on('error', () => undefined);
  return () => Buffer.concat(parts).toString('utf8');
}
