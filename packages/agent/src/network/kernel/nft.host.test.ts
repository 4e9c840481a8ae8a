import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '@gantry/kit/clock';
import { converse, type Converse } from '@gantry/kit/converse';
import { silentLogger, type Logger } from '@gantry/kit/log';
import { Lab } from '../../../../../tests/support/net-lab/lab.ts';
import { NftSession } from './nft-session.ts';
import { NftProcesses, SteadyNft, type Nft } from './nft.ts';

const lab = new Lab(1);
const exec = lab.exec('h1');
let dir = '';
const warned: string[] = [];
const log: Logger = { ...silentLogger, warn: (message) => warned.push(message) };
const open: Nft[] = [];

beforeAll(async () => {
  await lab.open();
  dir = await mkdtemp(join(tmpdir(), 'gantry-nft-'));
});
afterAll(async () => {
  await lab.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  warned.length = 0;
});
afterEach(async () => {
  for (const nft of open.splice(0)) await nft.close();
  await exec(['nft', 'flush', 'ruleset']);
});

/** As an agent makes it. */
function session(clock: Clock = systemClock, how: Converse = lab.converse('h1')): NftSession {
  const made = new NftSession({ converse: how, clock, dir: join(dir, 'nft') });
  open.push(made);
  return made;
}

const table = 'table inet t {\n  set s { type ipv4_addr; }\n  chain c { ip daddr @s accept; }\n}\n';
const element = (address: string, verb = 'add'): string => `${verb} element inet t s { ${address} }\n`;
const elements = async (): Promise<readonly string[]> =>
  (await exec(['nft', 'list', 'ruleset'])).stdout.match(/\d+\.\d+\.\d+\.\d+/g) ?? [];

const ways: readonly (readonly [string, () => Nft])[] = [
  ['a process each time', () => new NftProcesses(exec)],
  ['a session', () => session()],
  ['the steady way', () => new SteadyNft(session(), exec, log)],
];

describe.each(ways)('nft by %s', (_, start) => {
  let nft: Nft;
  beforeEach(async () => {
    nft = start();
    await nft.change(table);
  });

  test('makes a change that holds when it is done', async () => {
    for (const address of ['10.0.0.1', '10.0.0.2']) {
      await nft.change(element(address));
      expect(await elements()).toContain(address);
    }
    await nft.change(`${element('10.0.0.1', 'delete')}${element('10.0.0.3')}`);
    expect(await elements()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  test('makes all of a change or nothing, says which line was refused, and goes on', async () => {
    const wrong = `${element('10.0.0.1')}${element('10.0.0.2')}${element('10.0.0.9', 'delete')}`;
    await expect(nft.change(wrong)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('at "delete element inet t s { 10.0.0.9 }"') as string,
    });
    await expect(nft.change(`${element('10.0.0.1')}add nonsense\n`)).rejects.toThrow('at "add nonsense"');
    expect(await elements()).toEqual([]);
    await nft.change(element('10.0.0.4'));
    expect(await elements()).toEqual(['10.0.0.4']);
  });

  test('knows what others changed', async () => {
    await nft.change(element('10.0.0.1'));
    await exec(['nft', 'flush', 'ruleset']);
    expect(await nft.list('chains inet')).toBe('');
    await expect(nft.change(element('10.0.0.2'))).rejects.toMatchObject({ code: 'internal' });
    await exec(['nft', '-f', '-'], { input: 'table inet t { set s { type inet_service; }; }' });
    await expect(nft.change(element('10.0.0.2'))).rejects.toMatchObject({ code: 'internal' });
    await nft.change(element('443'));
    await nft.change(`table inet t\ndelete table inet t\n${table}${element('10.0.0.3')}`);
    expect(await elements()).toEqual(['10.0.0.3']);
  });

  test('lists what is there, without elements, and says nothing of what is not', async () => {
    await nft.change(element('10.0.0.1'));
    expect(await nft.list('chains inet')).toMatch(/^table inet t \{\n\tchain c \{\n/);
    expect(await nft.list('ruleset inet')).toMatch(/ip daddr @s accept/);
    expect(await nft.list('ruleset inet')).not.toContain('10.0.0.1');
    expect(await nft.list('chains ip')).toBe('');
    await nft.change(element('10.0.0.2'));
    expect(await elements()).toHaveLength(2);
  });

  test('makes a change of any length', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `10.${index >> 8}.0.${index & 255}`);
    await nft.change(`${element(many.slice(0, 10_000).join(', '))}${element(many.slice(10_000).join(', '))}`);
    expect(await elements()).toHaveLength(20_000);
  });
});

describe('a session', () => {
  /** The nft that serves this session. */
  function pid(): number {
    const said = execFileSync('pgrep', ['-f', `^nft -s -t -i`], { encoding: 'utf8' }).trim().split('\n');
    const found = said.map(Number).filter((one) => cwdOf(one) === join(dir, 'nft'));
    expect(found).toHaveLength(1);
    return found[0] ?? 0;
  }
  const cwdOf = (one: number): string =>
    execFileSync('readlink', [`/proc/${one}/cwd`])
      .toString()
      .trim();
  const memory = (): number =>
    Number(/Rss:\s+(\d+)/.exec(readFileSync(`/proc/${pid()}/smaps_rollup`, 'utf8'))?.[1]);

  test('is one process that hardly grows', async () => {
    const nft = session();
    await nft.change(table);
    await nft.change(element('10.0.0.0'));
    const [first, before] = [pid(), memory()];
    for (let index = 1; index <= 150; index++)
      await nft.change(
        `${element(`10.0.1.${(index - 1) % 256}`)}${element(`10.0.1.${(index - 1) % 256}`, 'delete')}`,
      );
    expect(pid()).toBe(first);
    expect(memory() - before).toBeLessThan(600); // KiB
    await nft.close();
    expect(existsSync(`/proc/${first}`)).toBe(false);
    expect(existsSync(join(dir, 'nft'))).toBe(false);
  });

  test('is followed by another one when its nft is killed', async () => {
    const nft = session();
    await nft.change(table);
    const first = pid();
    process.kill(first, 'SIGKILL');
    await expect.poll(() => existsSync(`/proc/${first}/cwd`)).toBe(false);
    const steady = new SteadyNft(nft, exec, log);
    expect(await steady.list('chains inet')).toContain('chain c');
    await steady.change(element('10.0.0.1'));
    expect(pid()).not.toBe(first);
    expect(await elements()).toEqual(['10.0.0.1']);
  });

  test('does not know what became of a change that its nft was killed in', async () => {
    const nft = session();
    await nft.change(table);
    process.kill(pid(), 'SIGSTOP');
    const change = nft.change(element('10.0.0.1'));
    await new Promise((resolve) => setImmediate(resolve)); // it is told now
    process.kill(pid(), 'SIGKILL');
    await expect(change).rejects.toMatchObject({ code: 'unknown_outcome' });
    await nft.change(element('10.0.0.2'));
    expect(await elements()).toContain('10.0.0.2');
  });

  test('waits for no nft that hangs', async () => {
    const nft = session({
      ...systemClock,
      after: (ms, fn) => systemClock.after(ms > 10_000 ? ms / 60 : ms, fn),
    });
    await nft.change(table);
    const first = pid();
    process.kill(first, 'SIGSTOP');
    await expect(nft.change(element('10.0.0.1'))).rejects.toThrow('it did not answer');
    await expect.poll(() => existsSync(`/proc/${first}/cwd`)).toBe(false);
    await nft.change(element('10.0.0.2'));
    expect(await elements()).toEqual(['10.0.0.2']);
  });

  test('ends with the process that has it, however that ends', async () => {
    const program = `
      import { converse } from ${JSON.stringify(new URL('../../../../kit/src/converse.ts', import.meta.url).pathname)};
      import { NftSession } from ${JSON.stringify(new URL('nft-session.ts', import.meta.url).pathname)};
      import { systemClock } from ${JSON.stringify(new URL('../../../../kit/src/clock.ts', import.meta.url).pathname)};
      const nft = new NftSession({ converse, clock: systemClock, dir: ${JSON.stringify(join(dir, 'nft'))} });
      await nft.list('tables arp');
      process.stdout.write('there');
    `;
    const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
    const child = spawn('nsenter', [`--net=/run/netns/${lab.netns('h1')}`, process.execPath, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const nft = pid();
    child.kill('SIGKILL');
    await expect.poll(() => existsSync(`/proc/${nft}/cwd`), { timeout: 5_000 }).toBe(false);
  });
});

test('a host whose nft has no interactive way is served by processes, and asked again after a minute', async () => {
  let [later, tries, works] = [0, 0, false];
  const how: Converse = (argv, ...rest) => {
    tries++;
    return works ? lab.converse('h1')(argv, ...rest) : converse(['sh', '-c', 'echo no; exit 1'], ...rest);
  };
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + later };
  const nft = new SteadyNft(session(clock, how), exec, log);
  await nft.change(table);
  await nft.change(element('10.0.0.1'));
  expect(await nft.list('chains inet')).toContain('chain c');
  expect([tries, warned.length]).toEqual([1, 1]);
  works = true;
  later = 60_000;
  await nft.change(element('10.0.0.2'));
  expect(tries).toBe(2);
  expect(await elements()).toEqual(['10.0.0.1', '10.0.0.2']);
});
