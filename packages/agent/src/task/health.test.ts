import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultHealth, healthCheckOf, type HealthCheck } from '@gantry/model/health';
import { afterProbe, beginHealth, type Health, type ProbeResult } from './health.ts';

const well: ProbeResult = { ok: true, words: '' };
const ill: ProbeResult = { ok: false, words: 'HTTP 503' };
const check: HealthCheck = {
  probe: { kind: 'tcp', port: 80 },
  intervalMs: 10_000,
  timeoutMs: 1_000,
  retries: 3,
  startPeriodMs: 5_000,
  startIntervalMs: 1_000,
};

/** Probes one after the other, each at the moment it is due; a probe takes no time. */
function run(results: readonly ProbeResult[], from = beginHealth(check, 0, false)): readonly Health[] {
  const states = [from];
  for (const result of results) {
    const last = states.at(-1);
    if (!last || last.phase === 'unhealthy') break;
    states.push(afterProbe(check, last, result, last.nextAt));
  }
  return states;
}

describe('a starting container', () => {
  test('is asked at once, then more and more seldom, up to the start interval', () => {
    const times = run([ill, ill, ill, ill, ill, ill]).map((state) => ('nextAt' in state ? state.nextAt : -1));
    expect(times).toEqual([0, 100, 300, 700, 1_500, 2_500, 3_500]);
  });

  test('is healthy with its first success, and then asked at the interval', () => {
    expect(run([ill, well]).at(-1)).toEqual({ phase: 'healthy', failures: 0, nextAt: 100 + 10_000 });
  });

  test('is unhealthy when it was never well within start period and retries', () => {
    const last = run(Array.from({ length: 100 }, () => ill)).at(-1);
    expect(last).toEqual({
      phase: 'unhealthy',
      reason: 'unhealthy: not well within 35 s of its start: HTTP 503',
    });
  });
});

describe('a healthy container', () => {
  const healthy = beginHealth(check, 0, true);

  test('stays so while fewer than `retries` checks in a row fail', () => {
    expect(run([ill, ill, well, ill, ill], healthy).map(({ phase }) => phase)).not.toContain('unhealthy');
  });

  test('is unhealthy, with the words of the last check, when they all fail', () => {
    expect(run([ill, ill, ill], healthy).at(-1)).toEqual({
      phase: 'unhealthy',
      reason: 'unhealthy: 3 checks in a row failed: HTTP 503',
    });
  });
});

const checks: fc.Arbitrary<HealthCheck> = fc.record({
  probe: fc.constant({ kind: 'tcp', port: 1 } as const),
  intervalMs: fc.integer({ min: 1, max: 60_000 }),
  timeoutMs: fc.integer({ min: 1, max: 60_000 }),
  retries: fc.integer({ min: 1, max: 10 }),
  startPeriodMs: fc.nat({ max: 60_000 }),
  startIntervalMs: fc.integer({ min: 1, max: 60_000 }),
});

test('on any answers at any times: forward only, unhealthy stays, and every wait has an end', () => {
  const order = { starting: 0, healthy: 1, unhealthy: 2 };
  const answers = fc.array(fc.record({ ok: fc.boolean(), late: fc.nat({ max: 5_000 }) }));
  fc.assert(
    fc.property(checks, answers, fc.boolean(), (one, probes, wasHealthy) => {
      let state = beginHealth(one, 0, wasHealthy);
      let now = 0;
      for (const { ok, late } of probes) {
        if (state.phase !== 'unhealthy') {
          expect(state.nextAt).toBeGreaterThanOrEqual(now);
          expect(state.nextAt - now).toBeLessThanOrEqual(Math.max(one.intervalMs, one.startIntervalMs));
          now = state.nextAt + late;
        }
        const next = afterProbe(one, state, { ok, words: 'w' }, now);
        expect(order[next.phase]).toBeGreaterThanOrEqual(order[state.phase]);
        if (ok && state.phase !== 'unhealthy') expect(next.phase).toBe('healthy');
        state = next;
      }
    }),
  );
});

test('a container that is never well is unhealthy within its deadline and one start interval', () => {
  fc.assert(
    fc.property(checks, (one) => {
      let state = beginHealth(one, 0, false);
      let now = 0;
      // Start intervals may be tiny against the deadline: time is moved on, not probed through.
      for (let step = 0; state.phase === 'starting' && step < 2_000; step++) {
        now = Math.max(state.nextAt, now + state.deadline / 1_000);
        state = afterProbe(one, state, ill, now);
      }
      expect(state.phase).toBe('unhealthy');
      expect(now).toBeLessThanOrEqual((one.startPeriodMs + one.retries * one.intervalMs) * 1.01 + 60_000);
    }),
  );
});

describe('the check of a container', () => {
  const image = { probe: { kind: 'shell', line: '/ok' }, intervalMs: 5_000 } as const;

  test('is the image’s, unless the service says otherwise, field by field', () => {
    expect(healthCheckOf(undefined, image)).toMatchObject({
      probe: image.probe,
      intervalMs: 5_000,
      retries: 3,
    });
    expect(healthCheckOf({ retries: 9 }, image)).toMatchObject({
      probe: image.probe,
      intervalMs: 5_000,
      retries: 9,
    });
    expect(healthCheckOf({ probe: { kind: 'tcp', port: 1 } }, image)?.probe).toEqual({
      kind: 'tcp',
      port: 1,
    });
  });

  test('is none when nobody names one, or the service turns it off', () => {
    expect(healthCheckOf(undefined, undefined)).toBeUndefined();
    expect(healthCheckOf({ retries: 9 }, undefined)).toBeUndefined();
    expect(healthCheckOf({ probe: { kind: 'off' } }, image)).toBeUndefined();
    expect(healthCheckOf(undefined, { probe: { kind: 'off' } })).toBeUndefined();
  });

  test('asks a starting container no more seldom than a healthy one', () => {
    expect(healthCheckOf({ intervalMs: 200 }, image)?.startIntervalMs).toBe(200);
    expect(healthCheckOf({}, image)?.startIntervalMs).toBe(defaultHealth.startIntervalMs);
  });
});
