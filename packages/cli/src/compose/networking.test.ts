import { describe, expect, test } from 'vitest';
import type { ServiceNetworking } from '@gantry/model/network';
import { readCompose, type ComposeResult } from './read.ts';

function read(...lines: readonly string[]): ComposeResult {
  return readCompose({
    source: `${lines.join('\n')}\n`,
    stack: { fallback: 'shop' },
    variables: {},
    readFile: () => undefined,
    sugar: false,
  });
}

/** The networking of service `web`, which has these lines; further ones follow its block. */
function web(lines: readonly string[], ...more: readonly string[]): ComposeResult {
  return read('services:', '  web:', '    image: w', ...lines.map((line) => `    ${line}`), ...more);
}

function networkingOf(result: ComposeResult, name = 'web'): ServiceNetworking | undefined {
  expect(result.problems).toEqual([]);
  return result.services.find((service) => service.name === name)?.networking;
}

const said = ({ problems }: ComposeResult): readonly string[] =>
  problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
const noticed = ({ notices }: ComposeResult): readonly string[] =>
  notices.map(({ line, column, message }) => `${line}:${column} ${message}`);

const two = ['networks:', '  front:', '  back: { internal: true }'];

describe('networks of a service', () => {
  test('without any it is on the default network of its stack', () => {
    expect(networkingOf(web([]))).toEqual({
      networks: [{ name: 'shop_default', aliases: [], internal: false }],
      endpointMode: 'vip',
      affinity: 'none',
      expose: [],
      drainMs: 5_000,
    });
  });

  test('a list names those it is on, and not the default one', () => {
    expect(networkingOf(web(['networks: [front, back]'], ...two))?.networks).toEqual([
      { name: 'shop_front', aliases: [], internal: false },
      { name: 'shop_back', aliases: [], internal: true },
    ]);
  });

  test('a map gives aliases, in lower case and once each', () => {
    const result = web(['networks: { front: { aliases: [WWW, www, shop.local] }, back: }'], ...two);
    expect(networkingOf(result)?.networks.map(({ aliases }) => aliases)).toEqual([['www', 'shop.local'], []]);
  });

  test.each([
    ['external: true', 'proxy'],
    ['{ external: true, name: edge }', 'edge'],
    ['{ external: { name: edge } }', 'edge'],
    ['{ name: edge }', 'edge'],
    ['', 'shop_proxy'],
  ])('a network declared as "%s" is known as %s', (declaration, name) => {
    const line = declaration.startsWith('external') ? `{ ${declaration} }` : declaration;
    expect(networkingOf(web(['networks: [proxy]'], 'networks:', `  proxy: ${line}`))?.networks[0]?.name).toBe(
      name,
    );
  });

  test('the default network can be declared, too', () => {
    const result = web([], 'networks:', '  default: { name: edge, external: true }');
    expect(networkingOf(result)?.networks).toEqual([{ name: 'edge', aliases: [], internal: false }]);
  });

  test('network_mode none is on no network', () => {
    expect(networkingOf(web(['network_mode: none']))?.networks).toEqual([]);
  });

  test('container_name becomes a name of the service', () => {
    expect(networkingOf(web(['container_name: My_Web']))?.networks[0]?.aliases).toEqual(['my_web']);
  });

  test('expose, endpoint_mode, affinity and drain are read', () => {
    const networking = networkingOf(
      web([
        'expose: ["9000", "53/udp", "80-82"]',
        'deploy: { endpoint_mode: dnsrr }',
        'x-gantry: { affinity: client, drain: 30s }',
      ]),
    );
    expect(networking).toMatchObject({ endpointMode: 'dnsrr', affinity: 'client', drainMs: 30_000 });
    expect(networking?.expose.map(({ port, protocol }) => `${port}/${protocol}`)).toEqual([
      '9000/tcp',
      '53/udp',
      '80/tcp',
      '81/tcp',
      '82/tcp',
    ]);
  });

  test('a link with another name becomes an alias where both are, and that is said', () => {
    const result = read(
      'services:',
      '  web: { image: w, links: ["db:database", cache], networks: [front, back] }',
      '  db: { image: d, networks: [back, side] }',
      '  cache: { image: c, networks: [front] }',
      ...two,
      '  side:',
    );
    expect(networkingOf(result, 'db')?.networks.map(({ name, aliases }) => [name, aliases])).toEqual([
      ['shop_back', ['database']],
      ['shop_side', []],
    ]);
    expect(noticed(result)).toEqual([
      '2:28 link database: it is a name of db for everything on their networks',
    ]);
  });
});

describe('what is wrong is said where it stands', () => {
  test.each([
    [['networks: [frnt]'], '4:16 network "frnt" is not declared'],
    [['networks: { frnt: }'], '4:17 network "frnt" is not declared'],
    [['networks: [front]', 'network_mode: none'], '5:19 a service has network_mode or networks, not both'],
    [['network_mode: host'], '4:19 network_mode host is not supported'],
    [['network_mode: "service:db"'], '4:19 network_mode service:db is not supported'],
    [['networks: { front: { ipv4_address: 10.0.0.3 } }'], '4:26 ipv4_address is not supported'],
    [['networks: { front: { alias: [x] } }'], '4:26 unknown key "alias"'],
    [
      ['networks: { front: { aliases: ["a b"] } }'],
      '4:5 alias "a b" is not a DNS name: use lower-case letters, digits and dashes',
    ],
    [['expose: ["70000"]'], '4:14 "70000" is not a port'],
    [['links: [db]'], '4:13 link "db": there is no such service in this file'],
    [['x-gantry: { afinity: client }'], '4:17 unknown key "afinity"'],
    [['x-gantry: { affinity: source }'], '4:27 affinity "source" is not known'],
    [['x-gantry: { drain: 2h }'], '4:24 the time to drain connections must be 0 to 1 h'],
    [['deploy: { endpoint_mode: lvs }'], '4:30 endpoint_mode "lvs" is not known'],
  ])('%s', (lines, problem) => {
    expect(said(web(lines, ...two))).toEqual([problem]);
  });

  test('links between services that share no network', () => {
    const result = read(
      'services:',
      '  web: { image: w, links: [db], networks: [front] }',
      '  db: { image: d, networks: [back] }',
      ...two,
    );
    expect(said(result)).toEqual(['2:28 web shares no network with db']);
  });

  test.each([
    ['{ driver: macvlan }', '5:19 driver macvlan is not supported'],
    ['{ name: "a b" }', undefined],
    ['{ internl: true }', '5:11 unknown key "internl"'],
  ])('a network declared as %s', (declaration, problem) => {
    const result = web(['networks: [front]'], `networks: { front: ${declaration} }`);
    const [first] = said(result);
    if (problem === undefined) expect(first).toMatch(/"a b" is not a name for a network/);
    else expect(first?.replace(/^5:\d+/, '')).toBe(problem.replace(/^5:\d+/, ''));
  });
});
