import type { Problem } from './rules.ts';

/** How a container is asked whether it is well. */
export type Probe =
  /** Run in the container; exit code 0 is well. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** The same, by the container's `/bin/sh -c`. */
  | { readonly kind: 'shell'; readonly line: string }
  /** GET on the container's address; 200 to 399 is well. */
  | { readonly kind: 'http'; readonly port: number; readonly path: string }
  /** A connection to the container's address. */
  | { readonly kind: 'tcp'; readonly port: number }
  /** `grpc.health.v1.Health/Check` of a service (empty: the whole server). */
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string };

/** What a user (or an image) says of health checks; what is absent is the image's, then the default. */
export interface HealthSpec {
  /** `off`: no check, not even the image's own. */
  readonly probe?: Probe | { readonly kind: 'off' };
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly retries?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
}

/** A health check as it is carried out: complete. */
export interface HealthCheck {
  readonly probe: Probe;
  /** Between the end of one probe and the next, ms. */
  readonly intervalMs: number;
  /** A probe that takes longer has failed, ms. */
  readonly timeoutMs: number;
  /** This many failures in a row make a task unhealthy. */
  readonly retries: number;
  /** A container that has never been well may take this long, and then `retries` intervals, ms. */
  readonly startPeriodMs: number;
  /** Between probes until the first success, ms. */
  readonly startIntervalMs: number;
}

/** Docker's times; but a container that starts is asked every second, so that it gets its traffic soon. */
export const defaultHealth = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 1_000,
} as const;

/** The check of a container: the service's word over the image's, field by field; undefined if there is none. */
export function healthCheckOf(
  service: HealthSpec | undefined,
  image: HealthSpec | undefined,
): HealthCheck | undefined {
  const probe = service?.probe ?? image?.probe;
  if (probe === undefined || probe.kind === 'off') return undefined;
  const merged = { ...defaultHealth, ...image, ...service, probe };
  return { ...merged, startIntervalMs: Math.min(merged.startIntervalMs, merged.intervalMs) };
}

const day = 86_400_000;

/** What is wrong with a health check; paths as in the spec. */
export function healthProblems(health: HealthSpec | undefined): readonly Problem[] {
  if (health === undefined) return [];
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `container.health.${path}`, message });
  for (const key of ['intervalMs', 'timeoutMs', 'startIntervalMs'] as const) {
    const value = health[key];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= day))
      wrong(key, `${words[key]} must be 1 ms to 24 h`);
  }
  const { startPeriodMs, retries, probe } = health;
  if (
    startPeriodMs !== undefined &&
    !(Number.isInteger(startPeriodMs) && startPeriodMs >= 0 && startPeriodMs <= day)
  )
    wrong('startPeriodMs', 'start_period must be 0 to 24 h');
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 1 && retries <= 1_000))
    wrong('retries', 'retries must be a whole number from 1 to 1000');
  const message = probe && probeProblem(probe);
  if (message !== undefined) wrong('probe', message);
  return problems;
}

const words = { intervalMs: 'interval', timeoutMs: 'timeout', startIntervalMs: 'start_interval' } as const;

function probeProblem(probe: NonNullable<HealthSpec['probe']>): string | undefined {
  switch (probe.kind) {
    case 'off':
      return undefined;
    case 'command':
      if (probe.argv.length === 0 || probe.argv[0] === '') return 'the test names no program';
      return probe.argv.some((word) => word.includes('\0')) ? 'the test has a NUL character' : undefined;
    case 'shell':
      return probe.line.trim() === '' || probe.line.includes('\0') ? 'the test has no command' : undefined;
    case 'http':
      if (!/^\/[\x21-\x7e]*$/.test(probe.path)) return `"${probe.path}" is not a path, e.g. /healthz`;
      return portProblem(probe.port);
    case 'tcp':
    case 'grpc':
      return portProblem(probe.port);
  }
}

function portProblem(port: number): string | undefined {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? undefined : 'the port must be 1 to 65535';
}
