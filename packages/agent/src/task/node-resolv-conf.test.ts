import { expect, test } from 'vitest';
import { nodeResolvConf } from './node-resolv-conf.ts';

test('the node answers, and names of the stack come before those that the host searches', () => {
  const host = 'nameserver 192.0.2.1\nsearch corp.example example\noptions ndots:2\n';
  expect(nodeResolvConf('shop', '169.254.1.1', host)).toBe(
    'nameserver 169.254.1.1\nsearch shop.gantry.internal gantry.internal corp.example example\noptions timeout:2 attempts:3\n',
  );
});

test('a host without search domains adds none', () => {
  expect(nodeResolvConf('shop', '169.254.1.1', '')).toContain(
    'search shop.gantry.internal gantry.internal\n',
  );
});
