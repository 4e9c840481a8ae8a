import { defaultShmBytes } from '@gantry/model/limits';
import type { ContainerMount, ContainerPlan } from '../runtime.ts';
import type { OciMount } from './oci-types.ts';

/** Where the host's init program appears in a container that asks for one. */
export const initTarget = '/dev/init';

/** Everything that is mounted in a container, in order. */
export function ociMounts(plan: ContainerPlan, init: string | undefined): readonly OciMount[] {
  return [
    ...systemMounts(plan),
    ...(init === undefined ? [] : [bindMount(init, initTarget, true)]),
    ...plan.mounts.map(ociMount),
  ];
}

function ociMount(mount: ContainerMount): OciMount {
  if (mount.kind === 'bind') return bindMount(mount.source, mount.target, mount.readOnly, mount.noExec);
  const options = [
    ...['nosuid', 'nodev', mount.exec ? 'exec' : 'noexec'],
    `mode=${(mount.mode ?? 0o1777).toString(8)}`,
    ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    ...(mount.uid === undefined ? [] : [`uid=${mount.uid}`]),
    ...(mount.gid === undefined ? [] : [`gid=${mount.gid}`]),
    ...(mount.readOnly ? ['ro'] : []),
  ];
  return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options };
}

/** Not recursive: what is mounted below the source on the host stays there, and read-only means all of it. */
function bindMount(source: string, destination: string, readOnly: boolean, noExec = false): OciMount {
  const options = [
    'bind',
    'private',
    'nosuid',
    'nodev',
    readOnly ? 'ro' : 'rw',
    ...(noExec ? ['noexec'] : []),
  ];
  return { destination, type: 'bind', source, options };
}

const closed = ['nosuid', 'noexec', 'nodev'];

function systemMounts({ isolation, tuning }: ContainerPlan): readonly OciMount[] {
  const access = isolation?.hostAccess ? 'rw' : 'ro';
  const shm = `size=${tuning?.shmBytes ?? defaultShmBytes}`;
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: closed },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...closed, 'mode=1777', shm] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: closed },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...closed, access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...closed, 'relatime', access],
    },
  ];
}

/** What of /proc and /sys tells of the host, or reaches it. */
export const maskedPaths: readonly string[] = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'].map(inProc),
  ...['timer_list', 'timer_stats'].map(inProc),
  ...['/sys/devices/virtual/powercap', '/sys/firmware', '/sys/fs/selinux'],
];
export const readonlyPaths: readonly string[] = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map(inProc);

function inProc(name: string): string {
  return `/proc/${name}`;
}
