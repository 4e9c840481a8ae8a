import type { HealthSpec } from '@gantry/model/health';

/** Docker's `Healthcheck` of an image config: times in ns, 0 for the default. Undefined for none, or one that is no list. */
export function imageHealth(value: unknown): HealthSpec | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const probe = probeOf(fields['Test']);
  if (!probe) return undefined;
  const ms = (name: string, key: string): Record<string, number> => {
    const ns = Number(fields[name] ?? 0);
    return ns > 0 ? { [key]: Math.max(1, Math.round(ns / 1e6)) } : {};
  };
  const retries = Number(fields['Retries'] ?? 0);
  return {
    probe,
    ...ms('Interval', 'intervalMs'),
    ...ms('Timeout', 'timeoutMs'),
    ...ms('StartPeriod', 'startPeriodMs'),
    ...ms('StartInterval', 'startIntervalMs'),
    ...(Number.isInteger(retries) && retries > 0 && { retries }),
  };
}

function probeOf(test: unknown): HealthSpec['probe'] | undefined {
  if (!Array.isArray(test) || !test.every((word) => typeof word === 'string')) return undefined;
  const [kind, ...argv] = test;
  if (kind === 'NONE') return { kind: 'off' };
  if (kind === 'CMD' && argv.length > 0) return { kind: 'command', argv };
  return kind === 'CMD-SHELL' && argv.length > 0 ? { kind: 'shell', line: argv.join(' ') } : undefined;
}
