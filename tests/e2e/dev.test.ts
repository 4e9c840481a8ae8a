import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { gantryBin } from '../support/test-cluster.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';

const argv = [gantryBin, 'dev', '--nodes', '1', '--name', 'test-dev', '--no-loopback'];

afterAll(() => rmSync('/var/lib/gantry-test-dev', { recursive: true, force: true }));

/** Starts `gantry dev`; resolves once its host is ready. */
async function startDev() {
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const up = (): Promise<true | undefined> =>
    Promise.resolve(said.includes('1 hosts ready') ? true : undefined);
  await waitFor(`a ready host (${said})`, up, 40_000);
  return child;
}

/** Command lines of programs of this cluster. */
async function programs(): Promise<readonly string[]> {
  const { stdout } = await exec(['pgrep', '-a', '-f', 'gantry-test-dev/']);
  return stdout.split('\n').filter((line) => /\b(etcd|controller|agent) /.test(line));
}

test('a local cluster whose command was killed is ended by the next one of its name, which ends without a trace', async () => {
  const first = await startDev();
  first.kill('SIGKILL');
  await once(first, 'exit');
  const orphans = await programs();
  expect(orphans.length).toBeGreaterThanOrEqual(3);

  const second = await startDev();
  for (const orphan of orphans) expect(await programs()).not.toContain(orphan);
  second.kill('SIGINT');
  const [code] = (await once(second, 'exit')) as [number | null];
  expect(code).toBe(0);
  expect(await programs()).toEqual([]);
  expect(existsSync('/run/gantry-test-dev')).toBe(false);
  expect((await exec(['ip', 'netns', 'list'])).stdout).not.toContain('gantry-test-dev');
});
