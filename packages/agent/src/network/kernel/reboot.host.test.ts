import { afterAll, beforeAll, expect, test } from 'vitest';
import { aNetworking, anEndpoint, aTask } from '../../../../../tests/support/networks.ts';
import { app1, db3, ShopLab, vip, web1, web2, web3 } from '../../../../../tests/support/net-lab/shop.ts';

const shop = new ShopLab();
const { lab, hosts } = shop;
/** On every network, so that it is the addresses alone that keep others from it. */
const next3 = 'next30000003';

beforeAll(() => shop.open());
afterAll(() => shop.close());

test('after a restart of its host nobody who asks for what was there reaches what came after it', async () => {
  const before = [web3, db3].map((task) => hosts.address(task));
  await hosts.reboot('h3');
  // The first that is made there, while all hosts still believe of services what they did.
  await hosts.run([{ host: 'h3', ...aTask(next3, ['front', 'back']) }]);
  const targets = [...Array.from({ length: 12 }, () => vip.web), vip.db, ...before];
  const said = await Promise.all([
    ...[app1, next3].flatMap((from) => targets.map((to) => hosts.ask(from, to, '80'))),
    ...['h1', 'h2', 'h3'].map((host) => hosts.ask('outside', lab.address(host), '5432')),
  ]);
  expect(said.filter((words) => words.startsWith(next3))).toEqual([]);
  // It is there and may be reached, once they have heard of it.
  const others = shop.services([web1, web2]).filter(({ service }) => service !== 'db');
  const one = anEndpoint('one', vip.one, shop.backends(next3), { networking: aNetworking(['front']) });
  await hosts.tell([...others, one]);
  expect(await hosts.ask(app1, vip.one, '80')).toMatch(next3);
});
