import { expect, test } from 'vitest';
import { hostsFile, resolvConf, type NamesInput } from './names.ts';

function input(naming: NamesInput['naming']): NamesInput {
  return {
    hostname: 'web-1',
    naming,
    address: '10.210.1.2',
    gateway: '10.209.0.11',
    resolvers: 'nameserver 10.0.0.1\nsearch lan\noptions ndots:1\n# note\n',
  };
}

test('the container’s own names, and those of extra_hosts; host-gateway is the node', () => {
  const extraHosts = [
    { name: 'db', address: '10.1.1.1' },
    { name: 'node', address: 'host-gateway' },
  ];
  expect(hostsFile(input({ domainname: 'example.org', extraHosts }))).toBe(
    '127.0.0.1 localhost\n::1 localhost\n10.210.1.2 web-1.example.org web-1\n10.1.1.1 db\n10.209.0.11 node\n',
  );
});

test('without wishes resolv.conf is the node’s', () => {
  expect(resolvConf(input({}))).toBe('nameserver 10.0.0.1\nsearch lan\noptions ndots:1\n');
});

test('dns, dns_search and dns_opt each stand in place of the node’s own', () => {
  expect(resolvConf(input({ dns: ['9.9.9.9', '::1'] }))).toBe(
    'nameserver 9.9.9.9\nnameserver ::1\nsearch lan\noptions ndots:1\n',
  );
  expect(resolvConf(input({ dnsSearch: ['a.b', 'c'], dnsOptions: ['ndots:3', 'rotate'] }))).toBe(
    'nameserver 10.0.0.1\nsearch a.b c\noptions ndots:3 rotate\n',
  );
  expect(resolvConf(input({ dnsSearch: ['.'] }))).toBe('nameserver 10.0.0.1\noptions ndots:1\n');
});
