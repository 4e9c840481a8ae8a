import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Held } from '../../../../../tests/support/net-lab/lab.ts';
import { app1, db3, processOf, SecretLab, vip } from '../../../../../tests/support/net-lab/secret.ts';
import { waitFor } from '../../../../../packages/cli/src/local/wait.ts';

const secret = new SecretLab();
const { lab, hosts } = secret;
/** Between the first host and the third, whose key changes: by virtual address and by published port. */
let conversations: readonly (Held & { readonly first: string })[] = [];
const said = new Set<string>();

beforeAll(async () => {
  await secret.open();
  await secret.encrypt(...lab.hosts);
  await secret.heard();
});
afterAll(() => secret.close());

beforeEach(async () => {
  conversations = [
    await lab.hold(`/run/netns/gt-${app1}`, vip, '80'),
    await lab.hold('outside', lab.address('h1'), '5432'),
  ];
  said.clear();
});
afterEach(() => Promise.all(conversations.map((held) => held.end())));

async function talking(): Promise<void> {
  for (const held of conversations) said.add(await held.again());
}

/** Every host hears again and again what the others last said of themselves, until something is so; all talk meanwhile. */
function telling(what: string, until: () => boolean | Promise<boolean>, tell = () => hosts.tell()) {
  const round = async (): Promise<true | undefined> => {
    await tell();
    await talking();
    return (await until()) ? true : undefined;
  };
  return waitFor(what, round, 20_000, 50);
}

function generations(): readonly number[] {
  const { keys } = hosts.network('h3').report();
  return keys.map(({ generation }) => generation);
}

/** The outer address of the third host, that it sends from and that the first one sends to. */
const sendsFrom = async (outer: string): Promise<boolean> =>
  (await lab.exec('h3')(['ip', '-d', 'link', 'show', 'gx'])).stdout.includes(`local ${outer}`);
const isSentTo = async (outer: string): Promise<boolean> =>
  (await lab.exec('h1')(['bridge', 'fdb', 'show', 'dev', 'gx'])).stdout.includes(`dst ${outer}`);

async function untilOldKeyIsGone(): Promise<void> {
  hosts.later(16_000);
  await telling('the end of the old key', () => generations().length === 1);
  await talking();
  expect(said).toEqual(new Set(conversations.map(({ first }) => first)));
  expect(await secret.underlayLinks('h3')).toHaveLength(1);
}

test('a new key takes over without a lost answer, and the old one goes', async () => {
  const before = hosts.network('h3').report().keys;
  hosts.encryption.set('h3', { mode: 'wireguard', keyGeneration: 2 });
  await telling('the next key', () => generations().includes(2));
  await telling('sending by it', () => sendsFrom('10.210.3.255'));
  await telling('sending to it', () => isSentTo('10.210.3.255'));
  await untilOldKeyIsGone();
  expect(hosts.network('h3').report().keys[0]?.publicKey).not.toBe(before[0]?.publicKey);
  await secret.talk();
});

test('a key that changes while an agent is dead waits for it: its host is not cut off, and goes on when it is back', async () => {
  hosts.encryption.set('h3', { mode: 'wireguard', keyGeneration: 3 });
  await hosts.network('h1').close(); // what stands in the kernel stays
  const tellOthers = async (): Promise<void> => {
    for (const host of ['h2', 'h3']) await hosts.network(host).configure(hosts.state(host));
  };
  await telling('the next key', () => generations().includes(3), tellOthers);
  hosts.later(60_000); // long after the old key would have gone
  for (let round = 0; round < 5; round++) await telling('an answer', () => true, tellOthers);
  expect(generations()).toEqual([3, 2]);
  expect([await sendsFrom('10.210.3.255'), await isSentTo('10.210.3.255')]).toEqual([true, true]);
  expect(await hosts.ask(app1, hosts.address(db3), '80')).toMatch(db3);
  await hosts.start('h1');
  await telling('sending by the new key', () => sendsFrom('10.210.3.254'));
  await telling('sending to it', () => isSentTo('10.210.3.254'));
  await untilOldKeyIsGone();
  await secret.talk();
});

test('a cluster that ends to encrypt leaves no link and no process', async () => {
  const links = await Promise.all(lab.hosts.map((host) => secret.underlayLinks(host)));
  for (const host of lab.hosts) hosts.encryption.set(host, { mode: 'none', keyGeneration: 0 });
  await hosts.tell();
  await secret.talk();
  expect((await Promise.all(lab.hosts.map((host) => secret.underlayLinks(host)))).flat()).toEqual([]);
  expect(await Promise.all(links.flat().map(processOf))).toEqual(links.flat().map(() => 0));
});
