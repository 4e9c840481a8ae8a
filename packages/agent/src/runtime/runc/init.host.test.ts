import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ContainerPlan } from '../runtime.ts';
import { RuntimeRig } from '../../../../../tests/support/runtime-rig.ts';

let rig: RuntimeRig;
beforeAll(async () => (rig = await RuntimeRig.make('init')));
beforeEach(() => rig.open());
afterEach(() => rig.close());
afterAll(() => rig.remove());

/** A container as a file without a word of `init` makes it. */
function shell(script: string, more: Parameters<RuntimeRig['planOf']>[0] = {}): ContainerPlan {
  return rig.planOf({ command: ['/bin/sh', '-c', script], ...more });
}

async function written(id: string, text: string): Promise<void> {
  for (let i = 0; i < 1_000 && !(await rig.output(id)).includes(text); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await rig.output(id)).toContain(text);
}

test('process 1 is an init, unless the service says no', async () => {
  expect((await rig.runToEnd(shell('cat /proc/1/comm'))).output).toBe('init\n');
  expect((await rig.runToEnd(shell('cat /proc/1/comm', { init: false }))).output).toBe('cat\n');
});

test('children that nobody waits for leave no zombies', async () => {
  const orphans = '( sh -c "sh -c true & exit" ) ; ( sh -c "sh -c true & exit" )';
  const { output } = await rig.runToEnd(
    shell(`${orphans}; sleep 0.3; cat /proc/[0-9]*/stat | grep -c ") Z"; exit 0`),
  );
  expect(output).toBe('0\n');
});

test('a program that knows no signals ends at SIGTERM, which it would not as process 1', async () => {
  const plan = shell('echo up; exec sleep 1000');
  const end = rig.end(plan.id);
  await rig.runtime.run(plan);
  await written(plan.id, 'up');
  await rig.runtime.signal(plan.id, 'SIGTERM');
  expect(await end).toMatchObject({ exitCode: 143, oom: false });
});

test.each([
  ['its exit code', 'exit 37', 37],
  ['the signal that ended it', 'kill -SEGV $$', 139],
])('the container ends with %s', async (_what, script, code) => {
  const { exit } = await rig.runToEnd(shell(script));
  expect(exit).toMatchObject({ exitCode: code, oom: false });
  expect(exit.note).toBeUndefined();
});

test('a signal of the program’s own arrives once', async () => {
  const plan = shell('trap "echo got" USR1; echo up; while :; do sleep 0.02; done');
  await rig.runtime.run(plan);
  await written(plan.id, 'up');
  await rig.runtime.signal(plan.id, 'SIGUSR1');
  await written(plan.id, 'got');
  expect(await rig.output(plan.id)).toBe('up\ngot\n');
});

test('a program that cannot be run is told in the words that runc would have', async () => {
  await writeFile(join(rig.dir, 'rootfs/bin/text'), 'no program\n');
  await chmod(join(rig.dir, 'rootfs/bin/text'), 0o644);
  const plan = rig.planOf({ command: ['/bin/absent'] });
  const { exit } = await rig.runToEnd(plan);
  expect(exit).toMatchObject({
    exitCode: 127,
    note: expect.stringContaining('no program /bin/absent') as string,
  });
  // Another agent reads the same from what is left.
  await rig.runtime.close();
  await rig.open();
  expect((await rig.runtime.list()).get(plan.id)).toMatchObject({
    state: 'stopped',
    exit: { note: exit.note },
  });
  const text = await rig.runToEnd(rig.planOf({ command: ['/bin/text'] }));
  expect(text.exit).toMatchObject({ exitCode: 126, note: '/bin/text in the image is not executable' });
  expect((await rig.runToEnd(shell('exit 127'))).exit.note).toBeUndefined();
});

test('the init costs less than a MiB and is read-only in the container', async () => {
  const plan = shell('( : > /dev/init ) 2>/dev/null && echo open || echo closed; exec sleep 1000');
  const { pid } = await rig.runtime.run(plan);
  await written(plan.id, 'closed');
  const kib = Number(/^Rss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  expect(kib).toBeLessThan(1_024);
});
