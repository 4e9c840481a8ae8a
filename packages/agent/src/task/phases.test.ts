import { expect, test } from 'vitest';
import { Phases } from './phases.ts';

test('each phase has its own time, whether it went well or not', async () => {
  let now = 100;
  const takes = (ms: number) => () => {
    now += ms;
    return ms > 5 ? Promise.reject(new Error('too long')) : Promise.resolve(ms);
  };
  const phases = new Phases(() => now);
  expect(await phases.time('mount', takes(2.34))).toBe(2.34);
  await expect(phases.time('network', takes(7))).rejects.toThrow('too long');
  expect(phases.all).toEqual({ mount: 2.3, network: 7 });
});
