import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exec, type Exec } from './exec.ts';
import { Launcher } from './launcher.ts';

let dir = '';
let launcher: Launcher;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-launcher-'));
  launcher = new Launcher(join(dir, 'lanes'));
});
afterEach(() => {
  launcher.close();
  rmSync(dir, { recursive: true });
});

describe.each<[string, () => Exec]>([
  ['a child of this process', () => exec],
  ['a child of a shell', () => launcher.exec],
])('a command run as %s', (_name, how) => {
  test('hears its input, and says its output, its complaints and its code', async () => {
    const run = how();
    const script = 'cat; echo "$A" >&2; exit 3';
    const options = { input: 'ein Wort: ü\n', env: { A: "it's" } };
    expect(await run(['sh', '-c', script], options)).toEqual({
      code: 3,
      stdout: 'ein Wort: ü\n',
      stderr: "it's\n",
    });
    // The same shell once more: nothing is left of the command before.
    expect(await run(['sh', '-c', 'cat'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('is run in its directory, with the files it holds', async () => {
    const file = join(dir, 'held');
    writeFileSync(file, '');
    const { stdout } = await how()(['sh', '-c', 'pwd; echo one >&3; echo two >&4'], {
      cwd: dir,
      holds: { 3: file, 4: file },
    });
    expect(stdout).toBe(`${dir}\n`);
    expect(readFileSync(file, 'utf8')).toBe('two\n'); // each open has a place of its own
  });

  test('has the code of the signal that ended it', async () => {
    expect((await how()(['sh', '-c', 'kill -9 $$'])).code).toBe(137);
  });

  test('cannot be a command of the shell', async () => {
    await expect(how()(['umask-of-nobody'])).rejects.toThrow('cannot run umask-of-nobody');
    await expect(how()(['cd', '/'])).rejects.toThrow('cannot run cd');
  });

  test('says no more than is wanted', async () => {
    const { stdout } = await how()(['sh', '-c', 'printf 0123456789'], { maxOutput: 4 });
    expect(stdout).toBe('0123');
  });

  test('is ended when it takes too long, and the next one is not harmed', async () => {
    const run = how();
    await expect(run(['sleep', '600.25'], { timeoutMs: 50 })).rejects.toThrow('did not end in time');
    expect((await run(['echo', 'next'])).stdout).toBe('next\n');
  });

  test('does not wait for others', async () => {
    const fifos = Array.from({ length: 10 }, (_, index) => join(dir, `fifo${index}`));
    execFileSync('mkfifo', fifos);
    const waiting = fifos.map((fifo) => how()(['cat', fifo]));
    await how()(['sh', '-c', 'for fifo; do echo go > "$fifo"; done', 'sh', ...fifos]);
    expect((await Promise.all(waiting)).map(({ stdout }) => stdout)).toEqual(fifos.map(() => 'go\n'));
  });
});

test('a shell that is lost takes one command with it, whose outcome is not known', async () => {
  await expect(launcher.exec(['sh', '-c', 'kill -9 $PPID'])).rejects.toMatchObject({
    code: 'unknown_outcome',
    retryable: true,
  });
  expect((await launcher.exec(['echo', 'next'])).stdout).toBe('next\n');
});

test('what can be aborted is aborted', async () => {
  const abort = new AbortController();
  const waiting = launcher.exec(['sleep', '600.5'], { signal: abort.signal });
  abort.abort();
  await expect(waiting).rejects.toThrow();
});

test('few shells and no files are kept, and none once it is closed', async () => {
  const fifos = Array.from({ length: 12 }, (_, index) => join(dir, `fifo${index}`));
  execFileSync('mkfifo', fifos);
  const pids = fifos.map((fifo) =>
    launcher.exec(['sh', '-c', `: > ${fifo}.there; read -r word <> ${fifo}; echo $PPID`]),
  );
  await expect.poll(() => fifos.filter((fifo) => existsSync(`${fifo}.there`)).length).toBe(12);
  for (const fifo of fifos) writeFileSync(fifo, 'go on\n');
  const shells = (await Promise.all(pids)).map(({ stdout }) => stdout.trim());
  expect(new Set(shells).size).toBe(12);
  const alive = (): number => shells.filter((pid) => existsSync(`/proc/${pid}/exe`)).length;
  await expect.poll(alive).toBe(8);
  expect(readdirSync(join(dir, 'lanes')).filter((name) => name.endsWith('.out'))).toHaveLength(8);
  launcher.close();
  await expect.poll(alive).toBe(0);
  expect(existsSync(join(dir, 'lanes'))).toBe(false);
});

test('closing keeps nothing from what runs, and the last one to end leaves nothing', async () => {
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const waiting = launcher.exec(['cat', fifo]);
  await exec(['sh', '-c', `exec 3> ${fifo}`]); // it is there once it can be opened
  const slow = launcher.exec(['sh', '-c', `cat ${fifo}; echo more`]);
  launcher.close();
  await exec(['sh', '-c', `echo go > ${fifo}`]);
  expect(await waiting).toMatchObject({ code: 0 });
  expect(await slow).toMatchObject({ code: 0, stdout: 'go\nmore\n' });
  expect(existsSync(join(dir, 'lanes'))).toBe(false);
});

test('what an earlier life still says there is in nobody’s way', () => {
  const lanes = join(dir, 'lanes');
  writeFileSync(join(lanes, '1-0.out'), 'said by one that was killed');
  const next = new Launcher(lanes);
  expect(readdirSync(lanes)).toEqual([]);
  writeFileSync(join(lanes, '1-0.out'), 'and once more');
  next.close();
});

test('a process that has done its work ends, whatever shells it has', () => {
  const program = `
    import { Launcher } from ${JSON.stringify(join(import.meta.dirname, 'launcher.ts'))};
    const { exec } = new Launcher(${JSON.stringify(join(dir, 'other'))});
    process.stdout.write((await exec(['sh', '-c', 'sleep 0.1; echo done'])).stdout);
  `;
  const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
  expect(execFileSync(process.execPath, argv, { encoding: 'utf8', timeout: 20_000 })).toBe('done\n');
});

test('the environment of commands is empty but for the way to programs', async () => {
  const { stdout } = await launcher.exec(['env']);
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? ''))).toEqual(['PATH']);
});
