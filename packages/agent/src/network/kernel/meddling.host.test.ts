import { afterAll, beforeAll, expect, test } from 'vitest';
import { app1, db3, ShopLab, vip } from '../../../../../tests/support/net-lab/shop.ts';
import type { Held } from '../../../../../tests/support/net-lab/lab.ts';
import { waitFor } from '../../../../../packages/cli/src/local/wait.ts';

const shop = new ShopLab();
const { lab, hosts } = shop;

beforeAll(() => shop.open());
afterAll(() => shop.close());

const held: Held[] = [];
/** Two connections across hosts: to a virtual address, and from outside to a task on another host. */
const hold = async (): Promise<readonly string[]> => {
  const both = [
    await lab.hold(`/run/netns/gt-${app1}`, vip.db, '80'),
    await lab.hold('outside', lab.address('h1'), '5432'),
  ];
  held.push(...both);
  for (const { first } of both) expect(first).toMatch(db3);
  return both.map(({ first }) => first);
};
const again = (): Promise<readonly string[]> => Promise.all(held.map((one) => one.again()));
const end = async (): Promise<void> => {
  await Promise.all(held.splice(0).map((one) => one.end()));
};
const back = (what: string, look: readonly string[], until: RegExp): Promise<unknown> =>
  waitFor(what, async () => (until.test((await lab.exec('h1')(look)).stdout) ? true : undefined), 10_000, 50);

const meddling: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
  ['the ruleset is flushed', ['nft', 'flush', 'ruleset'], ['nft', 'list', 'chains'], /chain postrouting/],
  ['a chain is emptied', ['nft', 'flush', 'chain', 'inet', 'gantry', 'forward'], ['nft', '-t', 'list', 'chain', 'inet', 'gantry', 'forward'], /to_container/],
  ['the tunnel is deleted', ['ip', 'link', 'del', 'gx'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
  ['the tunnel is set down', ['ip', 'link', 'set', 'gx', 'down'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
  ['routes are flushed', ['ip', 'route', 'flush', 'dev', 'gx'], ['ip', 'route', 'show', 'dev', 'gx'], /10\.210\.3\.0\/24/],
  ['a neighbour is deleted', ['ip', 'neigh', 'flush', 'dev', 'gx', 'nud', 'all'], ['ip', 'neigh', 'show', 'dev', 'gx', 'nud', 'permanent'], /10\.210\.3\.1/],
  ['a container’s link is deleted', ['ip', 'link', 'del', `gv${app1}`], ['ip', 'route', 'show', 'dev', `gv${app1}`], /10\.210\.1\./],
  ['a container’s route is deleted', ['ip', 'route', 'flush', 'dev', `gv${app1}`], ['ip', 'route', 'show', 'dev', `gv${app1}`], /10\.210\.1\./],
]; // prettier-ignore

for (const [what, meddle, look, until] of meddling) {
  test(`${what}: it is back within 10 s, and connections go on`, async () => {
    // An idle connection from outside outlives anything; one in use while no rule stands is reset by the host itself.
    const first = await hold();
    expect((await lab.exec('h1')(meddle)).code).toBe(0);
    await back(what, look, until);
    expect(await again()).toEqual(first);
    await end();
  });
}

test('rules of routing are flushed on the host of the task: they are back, and answers find their way', async () => {
  const first = await hold();
  const exec = lab.exec('h3');
  await exec(['ip', 'rule', 'del', 'pref', '4202']);
  await exec(['ip', 'rule', 'del', 'pref', '4200']);
  await waitFor(
    'rules',
    async () =>
      (await exec(['ip', 'rule', 'show'])).stdout.match(/^420\d:/gm)?.length === 4 ? true : undefined,
    10_000,
    50,
  );
  expect(await again()).toEqual(first);
  await end();
});

test('a docker drops what is forwarded: containers go on', async () => {
  const exec = lab.exec('h1');
  const docker = 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }';
  await exec(['nft', '-f', '-'], { input: docker });
  await back('a rule in FORWARD', ['nft', 'list', 'chain', 'ip', 'filter', 'FORWARD'], /gantry/);
  expect(await hosts.ask(app1, vip.db, '80')).toMatch(db3);
  await exec(['nft', 'delete', 'table', 'ip', 'filter']);
});

test('an agent that starts again changes nothing for connections, and forgets hosts that left', async () => {
  const first = await hold();
  await lab.exec('h1')('ip route add 10.210.77.0/24 via 10.210.2.1 dev gx onlink'.split(' '));
  await hosts.start('h1');
  const quiet = new AbortController();
  const asking = (async () => {
    const said: string[] = [];
    while (!quiet.signal.aborted) said.push((await hosts.ask(app1, vip.db, '80')).split(' ')[0] ?? '');
    return said;
  })();
  await hosts.tell();
  quiet.abort();
  expect(new Set(await asking)).toEqual(new Set([db3]));
  expect((await lab.exec('h1')(['ip', 'route', 'show', 'dev', 'gx'])).stdout).not.toContain('10.210.77');
  expect(await again()).toEqual(first);
  await end();
});
