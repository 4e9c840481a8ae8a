import { join } from 'node:path';
import type { CgroupHost } from './cgroups.ts';
import { Layout } from './layout.ts';

/** Where a guard outside of the agent finds a container's first process and all of them. */
export function guardedPaths(
  runDir: string,
  cgroupParent: string,
  { version }: CgroupHost,
): (id: string) => { readonly pidFile: string; readonly procs: string } {
  const layout = new Layout(runDir);
  const root = version === 2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
  return (id) => ({ pidFile: layout.of(id).pidFile, procs: join(root, cgroupParent, id, 'cgroup.procs') });
}
