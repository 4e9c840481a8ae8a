import { mkdtemp, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import { Lab } from '../../../../../tests/support/net-lab/lab.ts';
import { aTask, pools, subnet } from '../../../../../tests/support/networks.ts';
import type { Attachment, Network } from '../network.ts';
import { createKernelNetwork } from './kernel-network.ts';
import { settingsThrough } from './settings.ts';

const id = 'webwebwebweb';
const lab = new Lab(1);
let stateDir: string;
let network: Network;
let attachment: Attachment;

beforeAll(async () => {
  await lab.open();
  stateDir = await mkdtemp(join(tmpdir(), 'gantry-bandwidth-'));
});
afterAll(async () => {
  await lab.close();
  await rm(stateDir, { recursive: true });
});
beforeEach(async () => {
  network = await open();
  attachment = await network.attach(id, []);
  await network.settled(id);
});
afterEach(async () => {
  await network.teardown();
  expect(await links()).not.toMatch(/\bg[viw]/);
});

async function open(): Promise<Network> {
  const host = {
    exec: lab.exec('h1'),
    settings: settingsThrough(lab.exec('h1')),
    follow: lab.follow('h1'),
    converse: lab.converse('h1'),
  };
  const made = await createKernelNetwork({
    ...host,
    stateDir,
    runDir: stateDir,
    guarded: [],
    clock: systemClock,
    log: silentLogger,
  });
  await made.configure({
    subnet,
    pools,
    address: lab.address('h1'),
    peers: [],
    endpoints: [],
    tasks: [aTask(id, ['shop_front'])],
  });
  return made;
}

async function links(): Promise<string> {
  return execOk(lab.exec('h1'), ['ip', '-o', 'link', 'show']);
}

/** What the kernel limits now: the device, and its rate. */
async function rates(): Promise<readonly string[]> {
  const text = await execOk(lab.exec('h1'), ['tc', 'qdisc', 'show']);
  return [...text.matchAll(/^qdisc tbf \w+: dev (\w+) root .*?rate (\w+)/gm)].map(
    ([, device, rate]) => `${device} ${rate}`,
  );
}

/** A million bytes and a bit: a second at 8 Mbit/s. */
const size = 1_020_000;

/** Ms that it takes the container to send, or to receive, `size` bytes over one connection with the host. */
async function transfer(way: 'sends' | 'receives'): Promise<number> {
  const answer =
    way === 'sends'
      ? `s.end(Buffer.alloc(${size}))`
      : `let n=0;s.on('data',(d)=>(n+=d.length)>=${size}&&s.end('done'))`;
  const ask =
    way === 'sends'
      ? `let n=0;c.on('data',(d)=>n+=d.length);c.on('end',()=>process.exit(n===${size}?0:1))`
      : `c.write(Buffer.alloc(${size}));c.on('data',()=>process.exit(0))`;
  const server = node(
    attachment.netns,
    `require('net').createServer((s)=>{${answer}}).listen(80,()=>console.log('up'))`,
  );
  await once(server.stdout, 'data');
  const client = node(
    `/run/netns/${lab.netns('h1')}`,
    `const c=require('net').connect(80,'${attachment.address}',()=>{console.log(Date.now());${ask}});c.on('error',()=>process.exit(2));process.on('exit',()=>console.log(Date.now()))`,
  );
  let said = '';
  client.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const [code] = (await once(client, 'close')) as [number];
  server.kill('SIGKILL');
  await once(server, 'close');
  expect(code).toBe(0);
  const [began = 0, ended = 0] = said.trim().split('\n').map(Number);
  return ended - began;
}

function node(netns: string, script: string) {
  return spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('what a container receives and sends is limited, changed while it runs, and free again', async () => {
  await network.limit(id, { ingressBits: 8_000_000, egressBits: 8_000_000 });
  const [received, sent] = [await transfer('receives'), await transfer('sends')];
  // At 8 Mbit/s it takes a second, but for what may pass at once. More time proves nothing, less would be wrong.
  expect(received).toBeGreaterThan(800);
  expect(sent).toBeGreaterThan(800);
  await network.limit(id, { egressBits: 80_000_000 });
  expect(await transfer('sends')).toBeGreaterThan(80);
  // That it is fast where nothing limits it depends on what else the machine does: the kernel is asked instead.
  expect(await rates()).toEqual([`gi${id} 80Mbit`]);
  await network.limit(id, undefined);
  expect(await rates()).toEqual([]);
  expect(await links()).not.toMatch(/\bgi/);
});

test('limits are set again when the link, or the device of the limit, was removed by others', async () => {
  const wanted = { egressBits: 8_000_000, ingressBits: 8_000_000 };
  await network.limit(id, wanted);
  const there = async (): Promise<boolean> => {
    const text = await execOk(lab.exec('h1'), ['tc', 'qdisc', 'show']);
    const limited = [`gv${id}`, `gi${id}`].every((device) =>
      new RegExp(`^qdisc tbf \\w+: dev ${device} root `, 'm').test(text),
    );
    return limited && text.includes(`ingress ffff: dev gv${id}`);
  };
  expect(await there()).toBe(true);
  for (const device of [`gi${id}`, `gv${id}`]) {
    await execOk(lab.exec('h1'), ['ip', 'link', 'del', device]);
    for (let i = 0; i < 1_000 && !(await there()); i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await there()).toBe(true);
  }
  // The next agent finds them, says the same, and takes them away with the container.
  await network.close();
  network = await open();
  await network.limit(id, wanted);
  expect(await there()).toBe(true);
});
