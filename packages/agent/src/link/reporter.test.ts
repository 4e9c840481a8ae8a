import { beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { TaskState } from '@gantry/model/task';
import { aStatus } from '../../../../tests/support/builders.ts';
import { Reporter } from './reporter.ts';

let clock: VirtualClock;
let reporter: Reporter;
/** What was sent, batch by batch; the answers come when a test gives them. */
let sent: Record<string, TaskState>[];
let answer: () => void;

beforeEach(() => {
  clock = new VirtualClock();
  sent = [];
  reporter = new Reporter(clock);
  reporter.connected((reports) => {
    sent.push(Object.fromEntries([...reports].map(([id, { state }]) => [id, state])));
    return new Promise((resolve) => (answer = () => resolve([])));
  }, new Map());
});

function report(id: string, ...states: readonly TaskState[]): void {
  for (const state of states) reporter.report(id, aStatus({ state }));
}

test('a task that runs at once is reported once', async () => {
  report('t', 'preparing', 'starting', 'running');
  await clock.advance(1_000);
  expect(sent).toEqual([{ t: 'running' }]);
});

test('a state that lasts is reported after a moment', async () => {
  report('t', 'preparing');
  await clock.advance(19);
  expect(sent).toEqual([]);
  await clock.advance(1);
  expect(sent).toEqual([{ t: 'preparing' }]);
});

test('what happens while a report is under way goes with the next one, the newest of each task', async () => {
  report('t', 'running');
  report('u', 'preparing', 'starting');
  report('t', 'failed');
  expect(sent).toEqual([{ t: 'running' }]);
  answer();
  await clock.advance(0);
  expect(sent).toEqual([{ t: 'running' }, { t: 'failed', u: 'starting' }]);
});

test('an end takes along what waits', () => {
  report('t', 'preparing');
  report('u', 'failed');
  expect(sent).toEqual([{ t: 'preparing', u: 'failed' }]);
});
