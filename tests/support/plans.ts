import { randomBytes } from 'node:crypto';
import { idFromBytes } from '@gantry/model/ids';
import type { ContainerPlan } from '../../packages/agent/src/runtime/runtime.ts';
import { defaultCapabilities } from '../../packages/agent/src/task/capabilities.ts';

/** A container plan with defaults and an id of its own. */
export function aPlan(more: Partial<ContainerPlan> = {}): ContainerPlan {
  return {
    id: idFromBytes(randomBytes(12)),
    rootfs: '/nowhere',
    netns: '/nowhere',
    argv: ['/bin/sleep', '1000'],
    env: ['PATH=/bin'],
    cwd: '/',
    user: { uid: 0, gid: 0, additionalGids: [] },
    hostname: 'test',
    readOnlyRootfs: false,
    init: false,
    capabilities: defaultCapabilities,
    mounts: [],
    limits: { pids: 64, memoryBytes: 64 << 20 },
    labels: {},
    ...more,
  };
}
