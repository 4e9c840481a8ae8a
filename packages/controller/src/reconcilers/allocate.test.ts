import { expect, test } from 'vitest';
import { aNode, aService, noon, viewOf } from '../../../../tests/support/builders.ts';
import { whyNode } from '../explain/why.ts';
import { allocate, poolsRefused } from './allocate.ts';
import { envAt } from './reconciler.contract.ts';

test('when the pool of subnets is used up the youngest host gets none, and is told what to do', () => {
  const nodes = ['n1', 'n2'].map((id, index) => {
    const { subnet: _, ...node } = aNode({ id, createdAt: noon + index });
    return node;
  });
  const env = envAt(noon);
  const small = { ...env, settings: { ...env.settings, containerPool: '10.210.0.0/23' } };
  const { writes, note } = allocate.decide(viewOf(nodes), 'nodes', small);
  const given = writes.flatMap((write) =>
    write.op === 'put' && write.object.kind === 'node' ? [write.object] : [],
  );
  expect(given.map(({ id, subnet }) => [id, subnet])).toEqual([['n1', '10.210.1.0/24']]);
  expect(note).toBe('the pool 10.210.0.0/23 is empty: 1 nodes have no subnet');
  expect(whyNode(viewOf(nodes), nodes[1]!, noon)).toMatchObject({
    answer: 'n2 gets no tasks: the controller has no subnet left for its containers',
    fixes: ['gantry node rm for hosts that are gone: they hold theirs until then'],
  });
});

test('pools may become wider, but not leave out what was given', () => {
  const view = viewOf([
    aNode({ id: 'a', name: 'a', subnet: '10.210.3.0/24' }),
    aService({ vip: '10.211.0.9' }),
  ]);
  const vipPool = '10.211.0.0/16';
  for (const containerPool of ['10.210.0.0/16', '10.210.2.0/23', '10.0.0.0/8'])
    expect(poolsRefused(view, { containerPool, vipPool })).toBe(undefined);
  expect(poolsRefused(view, { containerPool: '10.212.0.0/16', vipPool })).toBe(
    'host a has 10.210.3.0/24, which is not in --container-pool 10.212.0.0/16: begin with the pools that the cluster began with, or with wider ones',
  );
  expect(poolsRefused(view, { containerPool: '10.210.0.0/16', vipPool: '10.212.0.0/16' })).toMatch(
    /^service \S+\/\S+ has 10\.211\.0\.9, which is not in --vip-pool 10\.212\.0\.0\/16: /,
  );
});
