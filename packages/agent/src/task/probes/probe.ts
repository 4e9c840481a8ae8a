import type { Clock } from '@gantry/kit/clock';
import type { HealthCheck, Probe } from '@gantry/model/health';
import type { Runtime } from '../../runtime/runtime.ts';
import type { ProbeResult } from '../health.ts';
import { probeCommand } from './command.ts';
import { probeGrpc } from './grpc.ts';
import { probeHttp } from './http.ts';
import { shortened } from './probe-words.ts';
import { probeTcp } from './tcp.ts';

export interface ProbeTarget {
  readonly id: string;
  /** The container's own address. */
  readonly address: string;
}

export interface ProbeDeps {
  readonly runtime: Pick<Runtime, 'exec'>;
  readonly clock: Clock;
}

/** Asks a container once; never throws, and answers within the check's timeout or when `signal` aborts. */
export async function probe(
  deps: ProbeDeps,
  target: ProbeTarget,
  check: HealthCheck,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = { late: false };
  const cancel = deps.clock.after(check.timeoutMs, () => {
    timer.late = true;
    abort.abort();
  });
  try {
    const result = await ask(deps, target, check.probe, abort.signal);
    return timer.late ? { ok: false, words: lateWords(check, result.words) } : result;
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { ok: false, words: timer.late ? lateWords(check, '') : shortened(words) };
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
  }
}

function ask(deps: ProbeDeps, target: ProbeTarget, how: Probe, signal: AbortSignal): Promise<ProbeResult> {
  switch (how.kind) {
    case 'command':
      return probeCommand(deps.runtime, target.id, how.argv, signal);
    case 'shell':
      return probeCommand(deps.runtime, target.id, ['/bin/sh', '-c', how.line], signal);
    case 'http':
      return probeHttp(target.address, how.port, how.path, signal);
    case 'tcp':
      return probeTcp(target.address, how.port, signal);
    case 'grpc':
      return probeGrpc(target.address, how.port, how.service, signal);
  }
}

function lateWords({ timeoutMs }: HealthCheck, said: string): string {
  return `no answer within ${timeoutMs / 1_000} s${said === '' ? '' : ` (it said: ${said})`}`;
}
