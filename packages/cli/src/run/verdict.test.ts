import { expect, test } from 'vitest';
import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { endOf, hasBegun, holdUp } from './verdict.ts';

const service = (state: string, reason = ''): ServiceView =>
  ({ job: { run: { state, reason } } }) as ServiceView;
const task = (status: Partial<NonNullable<TaskView['status']>>, node = 'n1'): TaskView =>
  ({ node, status: { reason: '', ...status } }) as TaskView;

test.each([
  ['a run that goes on', service('running'), task({ state: 'running' }), undefined],
  ['one that ended well', service('complete'), task({ state: 'complete', exitCode: 0 }), { code: 0 }],
  [
    'a command that failed',
    service('failed'),
    task({ state: 'failed', exitCode: 7, reason: 'x' }),
    { code: 7 },
  ],
  ['one that a signal ended', service('failed'), task({ state: 'failed', exitCode: 143 }), { code: 143 }],
  [
    'one that ran out of memory',
    service('failed'),
    task({ state: 'failed', exitCode: 137, oom: true, reason: 'killed: out of memory' }),
    { code: 137, words: 'killed: out of memory' },
  ],
  [
    'a program that is not there',
    service('failed'),
    task({ state: 'rejected', reason: 'exec: "nope": executable file not found in $PATH' }),
    { code: 127, words: 'exec: "nope": executable file not found in $PATH' },
  ],
  [
    'a file that is no program',
    service('failed'),
    task({ state: 'rejected', reason: 'exec /etc/passwd: permission denied' }),
    { code: 126, words: 'exec /etc/passwd: permission denied' },
  ],
  [
    'an image that is not there',
    service('failed'),
    task({ state: 'rejected', reason: 'image x:1: manifest not found' }),
    { code: 125, words: 'image x:1: manifest not found' },
  ],
  [
    'a run that took too long',
    service('failed', 'not done after 5 s'),
    task({ state: 'running' }),
    { code: 125, words: 'not done after 5 s' },
  ],
] as const)('%s has its exit code', (_what, of, one, end) => {
  expect(endOf(of, one)).toEqual(end);
});

test('what holds it up is said: no host, a pull that is tried again, a run that waits its turn', () => {
  expect(holdUp(service('running'), task({ state: 'pending', reason: 'no host fits' }, ''))).toBe(
    'no host fits',
  );
  const pulling = task({ state: 'preparing', reason: 'no route; trying again in 2 s' });
  expect(holdUp(service('running'), pulling)).toContain('trying again');
  expect(holdUp(service('waiting', 'waits for db'), undefined)).toBe('waits for db');
  expect(holdUp(service('running'), task({ state: 'starting', reason: 'starting sh' }))).toBeUndefined();
  expect(hasBegun(task({ state: 'starting' }))).toBe(false);
  expect(hasBegun(task({ state: 'complete' }))).toBe(true);
});
