import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gapWords } from './gap.ts';
import { RotationEvents } from './rotation-events.ts';

test('whatever a monitor does between our moves, we know which file we moved', () => {
  const steps = fc.array(fc.constantFrom('monitor', 'move', 'hear'), { maxLength: 60 });
  fc.assert(
    fc.property(fc.nat({ max: 9 }), steps, (known, plan) => {
      const events = new RotationEvents(known);
      const queue: string[] = [];
      let begun = known;
      let current: number | undefined;
      let half = false;
      let moved: number | undefined;
      const hear = (): void => {
        const name = queue.shift();
        if (name === undefined || events.take(name) !== 'moved') return;
        expect(events.begun).toBe(moved);
        moved = undefined;
      };
      for (const step of plan) {
        if (step === 'hear') hear();
        else if (step === 'move') {
          // As the agent does: only what it has heard of, one at a time.
          if (current === undefined || moved !== undefined || events.begun === known) continue;
          events.moving();
          moved = current;
          current = undefined;
          queue.push('current');
        } else if (begun === known && !half) {
          current = ++begun; // its first file, under its name
          queue.push('current');
        } else if (!half) {
          half = true;
          queue.push('current.tmp');
        } else {
          half = false;
          current = ++begun;
          queue.push('current.tmp', 'current');
        }
      }
      while (queue.length > 0) hear();
      expect(moved).toBeUndefined();
      expect(events.begun).toBe(begun);
    }),
  );
});

test('a gap has words, with a count where it is known', () => {
  expect(gapWords(3, 4, false)).toBeUndefined();
  expect(gapWords(3, undefined, false)).toBeUndefined();
  expect(gapWords(3, 5, false)).toContain('1 file of this log');
  expect(gapWords(3, 9, true)).toContain('5 files of this log');
  expect(gapWords(3, 4, true)).toContain('while the agent was away');
});
