import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { main } from './main.ts';

let home = '';
beforeEach(async () => (home = await mkdtemp(join(tmpdir(), 'gantry-cli-'))));
afterEach(() => rm(home, { recursive: true, force: true }));

/** Runs a command line in a world of its own: no terminal, an empty home, nobody listening on port 1. */
async function run(...argv: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { XDG_CONFIG_HOME: home, GANTRY_CONTROLLER: '127.0.0.1:1' };
  const code = await main(argv, {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env,
    onInterrupt: () => () => undefined,
  });
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

test('help lists the commands and exits with 0', async () => {
  const { code, stdout } = await run('--help');
  expect(code).toBe(0);
  for (const word of ['apply', 'ls', 'ps', 'logs', 'scale', 'rm', 'node', 'image', 'top', 'dev', 'doctor'])
    expect(stdout).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
});

test.each([
  ['an unknown command', ['lss'], "unknown command 'lss'"],
  ['an unknown option', ['ls', '--foo'], "unknown option '--foo'"],
  ['a format that is none', ['ls', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml, name'],
  ['a missing file flag', ['apply'], "required option '-f, --file <file>' not specified"],
  ['a duration that is none', ['wait', 'web', '--timeout', 'soon'], '--timeout soon is not understood'],
  ['a scale without number', ['scale', 'web'], '"web" is not understood'],
])('%s exits with 2 and says what is wrong', async (_what, argv, words) => {
  const { code, stderr, stdout } = await run(...argv);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
  expect(stdout).toBe('');
});

test('options count before and after the name of the command', async () => {
  for (const argv of [
    ['--controller', '127.0.0.1:2', 'node', 'ls'],
    ['node', 'ls', '--controller', '127.0.0.1:2'],
  ]) {
    const { code, stderr } = await run(...argv);
    expect(code).toBe(3);
    expect(stderr).toContain('cannot reach the controller at 127.0.0.1:2');
  }
});

test('a context is added, used, listed and forgotten, in a file only its owner reads', async () => {
  expect((await run('context', 'add', 'prod', '--controller', '127.0.0.1:3')).code).toBe(0);
  expect((await run('context', 'add', 'lab', '--controller', '127.0.0.1:4')).code).toBe(0);
  const file = join(home, 'gantry/config.yaml');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse((await run('context', 'ls', '-o', 'json')).stdout)).toEqual([
    { name: 'prod', controller: '127.0.0.1:3', current: true },
    { name: 'lab', controller: '127.0.0.1:4', current: false },
  ]);
  expect((await run('ls', '--context', 'lab')).stderr).toContain('127.0.0.1:4');
  expect((await run('context', 'rm', 'prod')).code).toBe(0);
  expect(await readFile(file, 'utf8')).not.toContain('prod');
});

test('a context that is not there exits with 5 and names those that are', async () => {
  await run('context', 'add', 'prod', '--controller', '127.0.0.1:3');
  const { code, stderr } = await run('ls', '--context', 'prd');
  expect(code).toBe(5);
  expect(stderr).toContain('there is no context "prd"\nfix: there are prod');
});
