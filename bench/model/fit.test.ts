import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitted } from './fit.ts';

const sizes = [
  [100, 3_000],
  [200, 4_000],
  [500, 10_000],
  [1_000, 30_000],
  [1_000, 5_000],
] as const;

test('what grows by a rule is fitted by that rule, and told for other sizes', () => {
  const part = fc.double({ min: 0.1, max: 10, noNaN: true });
  fc.assert(
    fc.property(part, part, part, (base, perNode, perTask) => {
      const rule = (nodes: number, tasks: number): number =>
        base * 100 + perNode * nodes + (perTask * tasks) / 30;
      const found = fitted(sizes.map(([nodes, tasks]) => ({ nodes, tasks, value: rule(nodes, tasks) })));
      expect(found.worst).toBeLessThan(0.01);
      const told = found.base + found.perNode * 2_000 + found.perTask * 60_000;
      expect(Math.abs(told / rule(2_000, 60_000) - 1)).toBeLessThan(0.05);
    }),
    { numRuns: 20 },
  );
});
