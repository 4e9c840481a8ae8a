import type { Service } from '@gantry/model/service';
import type { Task, TaskStatus } from '@gantry/model/task';
import type { UpdateStatus } from '@gantry/model/update';
import type { AnyObject } from '@gantry/model/objects';
import { aNode, aRevision, aService, aSpec, aStatus, aTask, noon, viewOf } from './builders.ts';
import { whyService, type Why } from '../../packages/controller/src/explain/why.ts';

export const now = noon + 60_000;
export const spec = aSpec({ name: 'web', mode: { kind: 'replicated', replicas: 2 } });
export const web = aService({ id: 'web', spec, revisionId: 'r2' });
export const revisions = [1, 2].map((number) =>
  aRevision({ id: `r${number}`, serviceId: 'web', number, cause: 'applied' }),
);
export const hosts = ['n1', 'n2'].map((id) => aNode({ id }));

export function task(slot: number, status: Partial<TaskStatus>, more: Partial<Task> = {}): Task {
  return aTask({
    serviceId: 'web',
    revisionId: 'r2',
    slot,
    nodeId: 'n1',
    status: aStatus({ at: now - 5_000, ...status }),
    ...more,
  });
}

export function up(slot: number, more: Partial<Task> = {}): Task {
  return task(slot, { state: 'running', ready: true, reason: 'running' }, more);
}

export function ask(service: Service, tasks: readonly Task[], more: readonly AnyObject[] = hosts): Why {
  return whyService(viewOf([service, ...revisions, ...more, ...tasks]), service, now);
}

export const update = (more: Partial<UpdateStatus>): Service => ({
  ...web,
  update: {
    state: 'done',
    to: 'r2',
    stable: 'r1',
    back: false,
    startedAt: now - 90_000,
    at: now - 30_000,
    reason: '',
    baseline: 2,
    failed: [],
    ...more,
  },
});
