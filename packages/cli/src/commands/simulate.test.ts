import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeAll, expect, test } from 'vitest';
import { root } from '../../../../tests/support/imports.ts';
import { main } from '../main.ts';

async function run(...argv: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdin: new PassThrough(), stdout, stderr, env: {}, onInterrupt: () => () => undefined };
  const code = await main(argv, io);
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

// The command loads the simulator when it is run: here that is no part of a test.
beforeAll(() => import('@gantry/sim/simulate'), 60_000);

const examples = readdirSync(join(root, 'examples'));

test.each(examples)(
  'the example %s comes up on four hosts, and again after one of them is lost',
  async (name) => {
    const file = join(root, 'examples', name, 'compose.yaml');
    const { code, stdout, stderr } = await run(
      'simulate',
      '-f',
      file,
      '--nodes',
      '4',
      '--label',
      'zone=a,b',
      '--kill',
      'n4',
    );
    expect(stderr).toBe('');
    expect(stdout.match(/all is as it should be after/g)).toHaveLength(2);
    expect(code).toBe(0);
  },
);

test.each([
  [['--nodes', '0'], '--nodes must be a whole number from 1 to 500'],
  [['--kill', 'n9'], '--kill n9: there are n1 to n3'],
  [['--kill', 'web'], '--kill web is not understood'],
  [['--kill', 'n1@soon'], '--kill n1@soon is not understood'],
  [['--label', 'zone'], '--label zone is not understood'],
  [['--cpus', 'many'], '--cpus many is not understood'],
])('%j is refused in words', async (flags, words) => {
  const { code, stderr } = await run('simulate', '-f', 'x.yaml', ...flags);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
