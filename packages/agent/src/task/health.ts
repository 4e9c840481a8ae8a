import type { HealthCheck } from '@gantry/model/health';

/** What a probe found: whether the container is well, and its words, at most a line or two. */
export interface ProbeResult {
  readonly ok: boolean;
  readonly words: string;
}

/**
 * The health of a running container:
 *
 *     starting ──ok──▶ healthy ──`retries` failures in a row──▶ unhealthy
 *         └───────────not well by its deadline──────────────────────▲
 *
 * `unhealthy` is the end: its task is ended and replaced.
 */
export type Health =
  | {
      readonly phase: 'starting';
      readonly failures: number;
      /** When the next probe is due, monotonic ms. */
      readonly nextAt: number;
      /** A failure from here on is the end, monotonic ms. */
      readonly deadline: number;
    }
  | { readonly phase: 'healthy'; readonly failures: number; readonly nextAt: number }
  | { readonly phase: 'unhealthy'; readonly reason: string };

/** A starting container is asked at once, then after this long, doubling up to `startIntervalMs`, ms. */
const firstWaitMs = 100;

/**
 * Health of a container that starts now, or (`wasHealthy`) of one that is adopted and was well when it was last seen.
 * `spread`, 0 to 1: where in its interval an adopted one is asked first, so that not all are at once.
 */
export function beginHealth(check: HealthCheck, now: number, wasHealthy: boolean, spread = 0): Health {
  if (wasHealthy) return { phase: 'healthy', failures: 0, nextAt: now + spread * check.intervalMs };
  // With no start period this is the moment at which Docker calls a container unhealthy.
  const deadline = now + check.startPeriodMs + check.retries * check.intervalMs;
  return { phase: 'starting', failures: 0, nextAt: now, deadline };
}

/** Health after a probe that ended now. */
export function afterProbe(check: HealthCheck, health: Health, result: ProbeResult, now: number): Health {
  if (health.phase === 'unhealthy') return health;
  if (result.ok) return { phase: 'healthy', failures: 0, nextAt: now + check.intervalMs };
  const failures = health.failures + 1;
  return health.phase === 'starting'
    ? stillStarting(check, { ...health, failures }, result, now)
    : stillHealthy(check, failures, result, now);
}

function stillStarting(
  check: HealthCheck,
  health: Extract<Health, { phase: 'starting' }>,
  { words }: ProbeResult,
  now: number,
): Health {
  const { deadline, failures } = health;
  if (now >= deadline) {
    const allowed = seconds(check.startPeriodMs + check.retries * check.intervalMs);
    return { phase: 'unhealthy', reason: `unhealthy: not well within ${allowed} of its start: ${words}` };
  }
  const wait = Math.min(check.startIntervalMs, firstWaitMs * 2 ** Math.min(failures - 1, 20));
  return { ...health, nextAt: Math.min(now + wait, deadline) };
}

function stillHealthy(check: HealthCheck, failures: number, { words }: ProbeResult, now: number): Health {
  if (failures < check.retries) return { phase: 'healthy', failures, nextAt: now + check.intervalMs };
  const times = failures === 1 ? 'a check failed' : `${failures} checks in a row failed`;
  return { phase: 'unhealthy', reason: `unhealthy: ${times}: ${words}` };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
