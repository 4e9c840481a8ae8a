import { expect, test } from 'vitest';
import { TaskCommon } from '@gantry/proto/gen/gantry/v1/assignment';
import { aContainer, aRevision, aService, aTask, viewOf } from '../../../../tests/support/builders.ts';
import type { Tables } from '../store/tables.ts';
import { TaskForms } from './task-forms.ts';

const service = aService({ id: 's', revisionId: 'r2' });
const old = aRevision({ id: 'r1', serviceId: 's' });
const current = aRevision({ id: 'r2', serviceId: 's' });
const tasks = [1, 2].map((slot) => aTask({ id: `t${slot}`, serviceId: 's', revisionId: 'r2', slot }));

function begin(): { view: Tables; forms: TaskForms } {
  const view = viewOf([service, old, current, ...tasks]);
  return { view, forms: new TaskForms(() => view, 30_000) };
}

test('tasks of one revision share one buffer, also when their service makes progress', () => {
  const { view, forms } = begin();
  const first = forms.of(tasks[0]!);
  expect(forms.of(tasks[1]!)).toBe(first);
  const known = view.get('service', 's')!;
  view.apply('service', 's', { ...known, waiting: 'for something', version: known.version + 1 });
  expect(forms.of(tasks[0]!)).toBe(first);
});

test('limits that are changed while tasks run are told to those of the current revision alone', () => {
  const { view, forms } = begin();
  const former = aTask({ id: 't3', serviceId: 's', revisionId: 'r1' });
  const before = [forms.of(tasks[0]!), forms.of(former)];
  const known = view.get('service', 's')!;
  const container = aContainer({ limits: { memoryBytes: 5 } });
  view.apply('service', 's', {
    ...known,
    spec: { ...known.spec, container },
    version: known.version + 1,
  });
  const after = [forms.of(tasks[0]!), forms.of(former)];
  const memory = (bytes: Uint8Array = new Uint8Array()) =>
    TaskCommon.decode(bytes).container?.limits?.memoryBytes;
  expect(after.map(memory)).toEqual([5, memory(before[1])]);
  expect(after[1]?.equals(before[1]!), 'what did not change is the same to compare').toBe(true);
});

test('nothing is known of a task whose revision is gone', () => {
  const { forms } = begin();
  expect(forms.of(aTask({ serviceId: 's', revisionId: 'r9' }))).toBeUndefined();
});
