import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';

/** How a run ended. */
export interface RunEnd {
  readonly code: number;
  /** What to say, where the code alone does not. */
  readonly words?: string;
}

/** Exit codes of docker run: ours failed; it cannot be invoked; it is not there. */
const [ours, notInvoked, notThere] = [125, 126, 127];

/** How the run ended, from its newest task; undefined while it goes on. */
export function endOf(service: ServiceView, task: TaskView | undefined): RunEnd | undefined {
  const run = service.job?.run;
  if (!run || (run.state !== 'complete' && run.state !== 'failed')) return undefined;
  const status = task?.status;
  if (run.state === 'complete') return { code: status?.exitCode ?? 0 };
  if (status?.state === 'rejected') return { code: refusal(status.reason), words: status.reason };
  if (status?.state !== 'failed') return { code: ours, words: run.reason };
  const code = status.exitCode;
  // What ended by itself with a code has said what it had to say; what was killed for memory has not.
  if (code !== undefined && code !== 0 && !status.oom) return { code };
  return { code: code ?? ours, words: status.reason };
}

function refusal(reason: string): number {
  if (/^image |pull|manifest|registry/i.test(reason)) return ours;
  if (/no such file|not found|does not exist/i.test(reason)) return notThere;
  return /permission denied|not executable|exec format/i.test(reason) ? notInvoked : ours;
}

/** What a task waits for before it runs, if that is worth a word. */
export function holdUp(service: ServiceView, task: TaskView | undefined): string | undefined {
  const status = task?.status;
  if (!status) return service.job?.run?.state === 'waiting' ? service.job.run.reason : undefined;
  if (status.state === 'pending' || status.reason.includes('trying again')) return status.reason;
  return undefined;
}

/** The newest task that came as far as to write something. */
export function hasBegun(task: TaskView | undefined): boolean {
  const state = task?.status?.state ?? '';
  return task?.node !== '' && ['running', 'complete', 'failed', 'shutdown'].includes(state);
}
