import type { OciSeccomp, OciSyscall } from './oci-types.ts';
import { allowedAlways, allowedWith } from './seccomp-default.ts';

const eperm = 1;
const enosys = 38;
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: clone with any of them would make namespaces. */
const namespaceFlags = 0x7e020000;
/** The values of personality(2) that programs use: LINUX, BSD's ABI bit of old, UNAME26, both, and "tell me". */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

const architectures: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/**
 * The system calls a container may use: all that is not named gets EPERM. Modelled on Docker's default profile, closed
 * further: no io_uring, and no socketcall, through which 32-bit programs would get around the rule on sockets.
 */
export function seccompProfile(capabilities: readonly string[], arch = ''): OciSeccomp {
  const admin = capabilities.includes('CAP_SYS_ADMIN');
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: eperm,
    architectures: architectures[arch] ?? [],
    syscalls: [
      { names: [...new Set([...allowedAlways, ...namesFor(capabilities)])], action: 'SCMP_ACT_ALLOW' },
      ...(admin ? [] : cloneRules),
      ...socketRules,
      ...personalities.map(personalityRule),
    ],
  };
}

function namesFor(capabilities: readonly string[]): readonly string[] {
  return capabilities.flatMap((name) => allowedWith[name] ?? []);
}

/** Flags of clone3 lie in memory where seccomp cannot look; ENOSYS makes C libraries fall back to clone. */
const cloneRules: readonly OciSyscall[] = [
  {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
];

/** Every family but AF_ALG (38), a source of kernel bugs, and AF_VSOCK (40), which leads past the network namespace. */
const socketRules: readonly OciSyscall[] = [
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 38, op: 'SCMP_CMP_LT' }] },
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 39, op: 'SCMP_CMP_EQ' }] },
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 40, op: 'SCMP_CMP_GT' }] },
];

function personalityRule(value: number): OciSyscall {
  return { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] };
}
