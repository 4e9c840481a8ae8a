import { EventEmitter } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { SessionUp } from '@gantry/proto/gen/gantry/v1/agent';
import { Talk, type Word } from './talk.ts';

/** The call as a talk sees it: what is written is kept, and a test says what comes back. */
class Wire extends EventEmitter {
  readonly written: SessionUp[] = [];
  cancelled = false;
  write(up: SessionUp): boolean {
    this.written.push(up);
    return true;
  }
  cancel(): void {
    this.cancelled = true;
  }
}

const beat: Word = { $case: 'heartbeat', value: { pressure: '', network: undefined } };
let wire: Wire;
let clock: VirtualClock;
let talk: Talk;

beforeEach(() => {
  wire = new Wire();
  clock = new VirtualClock();
  talk = new Talk(wire, 's1', clock);
});

test('says hello first, and numbers what wants an answer', () => {
  talk.say({ $case: 'applied', value: 3 });
  void talk.ask(beat);
  void talk.ask(beat);
  expect(wire.written.map(({ number, body }) => [number, body?.$case])).toEqual([
    [0, 'hello'],
    [0, 'applied'],
    [1, 'heartbeat'],
    [2, 'heartbeat'],
  ]);
});

test('each word gets the answer with its number', async () => {
  const [first, second] = [talk.ask(beat), talk.ask(beat)];
  wire.emit('data', { number: 2, unknownTasks: ['t'] });
  wire.emit('data', { number: 1, unknownTasks: [] });
  expect((await first).unknownTasks).toEqual([]);
  expect((await second).unknownTasks).toEqual(['t']);
});

test('a word without an answer fails after five seconds, also when others are answered', async () => {
  const failed = expect(talk.ask(beat)).rejects.toThrow('did not answer in time');
  const answered = talk.ask(beat);
  await clock.advance(4_999);
  wire.emit('data', { number: 2, unknownTasks: [] });
  await answered;
  await clock.advance(1);
  await failed;
});

test('a report may wait longer: it is stored behind others', async () => {
  const reported = talk.ask({ $case: 'report', value: { tasks: [] } });
  const failed = expect(talk.ask({ $case: 'report', value: { tasks: [] } })).rejects.toThrow('in time');
  await clock.advance(29_999);
  wire.emit('data', { number: 1, unknownTasks: [] });
  await reported;
  await clock.advance(1);
  await failed;
});

test('an answer that has come is heard, also if this process stood still until it was late', async () => {
  const answered = talk.ask(beat);
  clock.after(5_000, () => wire.emit('data', { number: 1, unknownTasks: ['t'] }));
  await clock.advance(6_000);
  expect((await answered).unknownTasks).toEqual(['t']);
});

test('when the session is over what was not answered fails at once, and nothing more is said', async () => {
  const before = talk.ask(beat);
  talk.close();
  await expect(before).rejects.toThrow('the session is over');
  await expect(talk.ask(beat)).rejects.toThrow('the session is over');
  talk.say({ $case: 'applied', value: 1 });
  expect(wire.written).toHaveLength(2);
  expect(wire.cancelled).toBe(true);
});
