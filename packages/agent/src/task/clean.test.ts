import { expect, test } from 'vitest';
import { noFailpoint } from '@gantry/kit/failpoint';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { TaskAssignment } from '@gantry/model/assignment';
import type { TaskState } from '@gantry/model/task';
import { anAssignment } from '../../../../tests/support/builders.ts';
import { FakeImages } from '../images/fake.ts';
import { FakeNetwork } from '../network/fake.ts';
import { FakeContents } from '../contents/fake.ts';
import { FakeVolumes } from '../volumes/fake.ts';
import { clean } from './clean.ts';
import { fakeContainerFiles } from './container-files.ts';
import { TaskLife } from './life.ts';
import { closedPolicy } from './policy.ts';

/** Ms until a task that ended so is taken down. */
async function takenDownAfter(state: TaskState, more: Partial<TaskAssignment> = {}): Promise<number> {
  const clock = new VirtualClock();
  const assignment = anAssignment(more);
  const status = { state, at: 0, reason: '', ready: false };
  const saving = {
    clock,
    save: () => Promise.resolve(),
    saveLater: () => undefined,
    report: () => undefined,
  };
  const life = new TaskLife(saving, { assignment, status, cleaned: false }, undefined);
  let deletedAt = Infinity;
  const parts = {
    images: new FakeImages(),
    network: new FakeNetwork(),
    volumes: new FakeVolumes(),
    contents: new FakeContents(),
  };
  const work = clean(
    {
      ...parts,
      clock,
      files: fakeContainerFiles,
      policy: closedPolicy,
      lookUpUser: () => Promise.resolve({ uid: 0, gid: 0, additionalGids: [] }),
      failpoint: noFailpoint,
      runtime: {
        delete: () => {
          deletedAt = clock.monotonic();
          return Promise.resolve();
        },
      },
    },
    life,
  );
  await clock.advance(10_000);
  await work;
  expect(life.record.cleaned).toBe(true);
  return deletedAt;
}

test('what failed is taken down once its replacement had its time to start', async () => {
  expect(await takenDownAfter('failed')).toBe(250);
});

test('what was stopped is taken down at once', async () => {
  expect(await takenDownAfter('shutdown')).toBe(0);
});

test('what would be in the way of its replacement is taken down at once', async () => {
  const hostPorts = [{ target: 80, published: 80, protocol: 'tcp', mode: 'host' }] as const;
  expect(await takenDownAfter('failed', { hostPorts })).toBe(0);
  expect(await takenDownAfter('failed', { fenceAfterMs: 5_000 })).toBe(0);
});
