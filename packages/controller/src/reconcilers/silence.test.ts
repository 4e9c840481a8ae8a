import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node } from '@gantry/model/node';
import { aNode } from '../../../../tests/support/builders.ts';
import { Tables } from '../store/tables.ts';
import { census, silence } from './silence.ts';

const aChange = fc.record({
  id: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
  state: fc.constantFrom('ready', 'down', 'unknown', 'gone' as const),
  silentSince: fc.option(fc.nat(100), { nil: undefined }),
});

test('what is followed change by change is what a look at all nodes finds', () => {
  fc.assert(
    fc.property(fc.array(aChange, { maxLength: 20 }), fc.nat(200), (changes, now) => {
      const view = new Tables();
      view.derived(silence);
      for (const [index, { id, state, silentSince }] of changes.entries()) {
        const node: Node | undefined =
          state === 'gone'
            ? undefined
            : { ...aNode({ id, ...(silentSince !== undefined && { silentSince }) }), state };
        view.apply('node', id, node && { ...node, version: index + 1 });
      }
      const nodes = [...view.all('node')];
      const lostAt = ({ state, silentSince }: Node): number =>
        state === 'down' && silentSince !== undefined ? silentSince + 50 : Infinity;
      const counted = nodes.filter((node) => now < lostAt(node));
      const silent = counted.filter((node) => node.silentSince !== undefined);
      const changesAt = Math.min(...silent.map(lostAt));
      expect(view.derived(silence)).toEqual(silence.build(view));
      expect(census(view.derived(silence), now, 50)).toEqual({
        silent: silent.length,
        all: counted.length,
        ...(changesAt !== Infinity && { changesAt }),
      });
    }),
  );
});
