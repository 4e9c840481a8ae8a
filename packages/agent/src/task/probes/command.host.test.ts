import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import type { HealthCheck, Probe } from '@gantry/model/health';
import { RuntimeRig } from '../../../../../tests/support/runtime-rig.ts';
import type { ProbeResult } from '../health.ts';
import { probe } from './probe.ts';

/** Probes that run in a container, and what the host measures of one. */

let rig: RuntimeRig;
let id: string;

beforeAll(async () => {
  rig = await RuntimeRig.make('probes');
  await rig.open();
  const plan = rig.planOf({ command: ['/bin/sleep', '1000'] });
  id = plan.id;
  await rig.runtime.run(plan);
});

afterAll(async () => {
  await rig.close();
  await rig.remove();
});

function ask(how: Probe, timeoutMs = 20_000): Promise<ProbeResult> {
  const check: HealthCheck = {
    probe: how,
    timeoutMs,
    intervalMs: 1_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 1_000,
  };
  return probe(
    { runtime: rig.runtime, clock: systemClock },
    { id, address: '' },
    check,
    new AbortController().signal,
  );
}

const shell = (line: string, timeoutMs?: number): Promise<ProbeResult> =>
  ask({ kind: 'shell', line }, timeoutMs);

test('a command or a line of shell is well when it exits with 0', async () => {
  expect(await ask({ kind: 'command', argv: ['/bin/cat', '/proc/1/comm'] })).toEqual({
    ok: true,
    words: 'init',
  });
  expect(await shell('echo fine; echo "and on stderr" >&2')).toEqual({
    ok: true,
    words: 'fine and on stderr',
  });
});

test('one that fails says with what, and what it wrote, on one line', async () => {
  expect(await shell('echo "cannot reach"; echo "  the database" >&2; exit 3')).toEqual({
    ok: false,
    words: 'exit code 3: cannot reach the database',
  });
  expect(await shell('kill -KILL $$')).toEqual({ ok: false, words: 'exit code 137' });
  const absent = await ask({ kind: 'command', argv: ['/bin/absent'] });
  expect(absent).toMatchObject({ ok: false, words: expect.stringContaining('exit code 127') as string });
});

test('what it writes is cut, and does not keep it from ending', async () => {
  const { ok, words } = await shell('yes 0123456789 | head -c 5000000; printf "\\033[31mred"; exit 1');
  expect(ok).toBe(false);
  expect(words.length).toBeLessThanOrEqual(250);
  expect(words).not.toContain('\u001b');
});

test('one that takes too long is ended, with all that it started', async () => {
  const late = await shell('echo waiting; sleep 4242 & sleep 4242', 500);
  expect(late).toMatchObject({
    ok: false,
    words: expect.stringMatching(/^no answer within 0.5 s/) as string,
  });
  const left = await shell(
    'for p in /proc/[0-9]*; do busybox tr "\\0" " " < $p/cmdline; echo; done | grep -c "^sleep 4242"',
  );
  expect(left.words).toMatch(/(^|: )0$/);
});

test('a container that is gone is not well', async () => {
  const plan = rig.planOf({ command: ['/bin/sh', '-c', 'exit 0'] });
  await rig.runToEnd(plan);
  const check: HealthCheck = {
    probe: { kind: 'shell', line: 'true' },
    timeoutMs: 5_000,
    intervalMs: 1_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 1_000,
  };
  const asked = probe(
    { runtime: rig.runtime, clock: systemClock },
    { id: plan.id, address: '' },
    check,
    new AbortController().signal,
  );
  expect(await asked).toEqual({ ok: false, words: 'the container does not run' });
});
