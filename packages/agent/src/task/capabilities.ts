import { shortCapability, type Profile } from '@gantry/model/isolation';

/** What every container may do unless the user says otherwise: nothing that reaches beyond the container. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_KILL',
];

/** linux/capability.h as of 5.9, the newest list that runc 1.1 knows. */
const allCapabilities: readonly string[] = [
  ...defaultCapabilities,
  ...['CAP_DAC_READ_SEARCH', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW'],
  ...['CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE'],
  ...['CAP_SYS_PACCT', 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME'],
  ...['CAP_SYS_TTY_CONFIG', 'CAP_MKNOD', 'CAP_LEASE', 'CAP_AUDIT_WRITE', 'CAP_AUDIT_CONTROL', 'CAP_SETFCAP'],
  ...['CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG', 'CAP_WAKE_ALARM', 'CAP_BLOCK_SUSPEND'],
  ...['CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'],
];

/** What a container of a profile begins with. */
const profileCapabilities: Readonly<Record<Profile, readonly string[]>> = {
  restricted: [],
  baseline: defaultCapabilities,
  privileged: allCapabilities,
};

/** `ALL` in `drop` empties the defaults, `ALL` in `add` gives everything; single names are applied after it. */
export function containerCapabilities(
  add: readonly string[],
  drop: readonly string[],
  profile: Profile = 'baseline',
): readonly string[] {
  const added = add.map(capabilityName);
  const dropped = drop.map(capabilityName);
  const base = added.includes('CAP_ALL') ? allCapabilities : profileCapabilities[profile];
  const kept = dropped.includes('CAP_ALL') ? [] : base.filter((name) => !dropped.includes(name));
  return [...new Set([...kept, ...added.filter((name) => name !== 'CAP_ALL')])];
}

function capabilityName(name: string): string {
  return `CAP_${shortCapability(name)}`;
}
