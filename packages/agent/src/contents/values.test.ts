import { expect, test } from 'vitest';
import { aMount } from './contents.contract.ts';
import { Values } from './values.ts';

test('tasks of a host share what one of them has fetched, and the last one takes it along', async () => {
  const asked: string[] = [];
  const values = new Values((taskId) => {
    asked.push(taskId);
    return Promise.resolve(Buffer.from('x'));
  });
  await Promise.all(['t1', 't2', 't3'].map((taskId) => values.get(taskId, aMount())));
  expect(asked).toEqual(['t1']);
  await values.get('t3', aMount({ number: 2 }));
  for (const taskId of ['t1', 't2']) values.release(taskId);
  expect(values.size).toBe(2);
  values.release('t3');
  expect(values.size).toBe(0);
  await values.get('t4', aMount());
  expect(asked).toEqual(['t1', 't3', 't4']);
});

test('what could not be fetched is asked for again', async () => {
  let fails = true;
  const values = new Values(() =>
    fails ? Promise.reject(new Error('away')) : Promise.resolve(Buffer.from('x')),
  );
  await expect(values.get('t1', aMount())).rejects.toThrow('away');
  fails = false;
  expect(Buffer.from(await values.get('t1', aMount())).toString()).toBe('x');
});

test('a task that waits for what another is refused asks for itself', async () => {
  const refuse: ((error: Error) => void)[] = [];
  const asked: string[] = [];
  const values = new Values((taskId) => {
    asked.push(taskId);
    if (taskId !== 'stopping') return Promise.resolve(Buffer.from('x'));
    return new Promise((_resolve, reject) => refuse.push(reject));
  });
  const first = values.get('stopping', aMount());
  const others = ['t1', 't2'].map((taskId) => values.get(taskId, aMount()));
  refuse[0]?.(new Error('no task of this host has it'));
  await expect(first).rejects.toThrow('no task of this host has it');
  for (const value of await Promise.all(others)) expect(Buffer.from(value).toString()).toBe('x');
  expect(asked).toEqual(['stopping', 't1']);
});
