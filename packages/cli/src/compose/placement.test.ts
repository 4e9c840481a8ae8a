import { expect, test } from 'vitest';
import type { Placement } from '@gantry/model/placement';
import { readCompose } from './read.ts';

function placementOf(...lines: readonly string[]): Placement | undefined {
  const source = ['services:', '  web:', '    image: web:1', ...lines.map((line) => `    ${line}`)].join(
    '\n',
  );
  const input = {
    source,
    stack: { fallback: 'shop' },
    sugar: false,
    variables: {},
    readFile: () => undefined,
  };
  const { services, problems } = readCompose(input);
  expect(problems).toEqual([]);
  return services[0]?.placement;
}

test('a service that asks for nothing has no placement', () => {
  expect(placementOf()).toBeUndefined();
});

test('reads spread, limits a host, devices, neighbours, preferences and priority', () => {
  const placement = placementOf(
    'deploy:',
    '  placement:',
    '    max_replicas_per_node: 2',
    '    preferences: [{ spread: node.labels.zone }, { spread: node.labels.rack }]',
    '  resources:',
    '    reservations:',
    '      devices: [{ capabilities: [gpu], count: 2 }]',
    '      generic_resources: [{ discrete_resource_spec: { kind: FPGA, value: 1 } }]',
    'x-gantry:',
    '  placement:',
    '    near: [cache]',
    '    apart: [other/db]',
    '    prefer: [{ constraint: node.labels.disk==ssd, weight: 70 }]',
    '    priority: -5',
    '    preempt: yields',
  );
  expect(placement).toEqual({
    devices: { gpu: 2, fpga: 1 },
    maxPerNode: 2,
    near: ['shop/cache'],
    apart: ['other/db'],
    spread: ['node.labels.zone', 'node.labels.rack'],
    prefer: [{ constraint: 'node.labels.disk==ssd', weight: 70 }],
    priority: -5,
    preempt: 'yields',
  });
});
