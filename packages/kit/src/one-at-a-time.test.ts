import { expect, test } from 'vitest';
import { OneAtATime } from './one-at-a-time.ts';

test('the same key waits for its turn, another does not, and a failure does not block the next', async () => {
  const queue = new OneAtATime();
  const log: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = queue.run('a', async () => {
    await held;
    log.push('a1');
    throw new Error('no');
  });
  const second = queue.run('a', () => Promise.resolve(log.push('a2')));
  await queue.run('b', () => Promise.resolve(log.push('b')));
  release();
  await expect(first).rejects.toThrow('no');
  await second;
  expect(log).toEqual(['b', 'a1', 'a2']);
});

test('idle waits for what has been asked for', async () => {
  const queue = new OneAtATime();
  let done = false;
  void queue.run('a', async () => {
    await Promise.resolve();
    done = true;
  });
  await queue.idle();
  expect(done).toBe(true);
});
