import { expect, test } from 'vitest';
import { isTerminal, mayBecome, taskStates, type TaskState } from '@gantry/model/task';
import { transitions } from './laws.ts';

const steps = Object.values(transitions).flat();

test('every step of the table goes forward, as the product sees it', () => {
  for (const [from, to] of steps) {
    if (from !== null && to !== null) expect(mayBecome(from, to), `${from} to ${to}`).toBe(true);
  }
});

test('no state is left behind: each can come about, and from each a task can end', () => {
  for (const state of taskStates) {
    expect(
      reaches(null, (at) => at === state),
      `something leads to ${state}`,
    ).toBe(true);
    expect(
      reaches(state, (at) => at === null || isTerminal(at)),
      `${state} can end`,
    ).toBe(true);
  }
});

test('what has ended never moves again but out of the store', () => {
  for (const [from, to] of steps) if (from !== null && isTerminal(from) && to !== from) expect(to).toBe(null);
});

function reaches(from: TaskState | null, goal: (state: TaskState | null) => boolean): boolean {
  const seen = new Set<TaskState | null>([from]);
  for (const at of seen) for (const [a, b] of steps) if (a === at) seen.add(b);
  return [...seen].some((state) => (from === null ? state !== null : true) && goal(state));
}
