import { expect, test } from 'vitest';
import { defaultNetworking } from '@gantry/model/network';
import type { ServiceSpec } from '@gantry/model/service';
import { aService, aSpec, viewOf } from '../../../../tests/support/builders.ts';
import { checkNetworks } from './networks.ts';

function on(name: string, internal: boolean, more: Partial<ServiceSpec> = {}): ServiceSpec {
  const networking = { ...defaultNetworking('shop'), networks: [{ name, aliases: [], internal }] };
  return aSpec({ networking, ...more });
}

test('a stack cannot open a network that another keeps internal', () => {
  const view = viewOf([aService({ spec: on('back', true, { stack: 'other', name: 'db' }) })]);
  expect(() => checkNetworks(view, [on('back', true)])).not.toThrow();
  expect(() => checkNetworks(view, [on('back', false, { name: 'web' })])).toThrow(
    'network back is internal for other/db, and open for web',
  );
});

test('a file may change its own network for all its services at once', () => {
  const [db, web] = [on('back', true, { name: 'db' }), on('back', true, { name: 'web' })];
  const view = viewOf([aService({ spec: db }), aService({ spec: web })]);
  const opened = [on('back', false, { name: 'db' }), on('back', false, { name: 'web' })];
  expect(() => checkNetworks(view, opened)).not.toThrow();
  expect(() => checkNetworks(view, opened.slice(0, 1))).toThrow('network back is internal for shop/web');
});
