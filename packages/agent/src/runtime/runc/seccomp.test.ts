import { describe, expect, test } from 'vitest';
import type { OciSyscall } from './oci-types.ts';
import { seccompProfile } from './seccomp.ts';
import { allowedAlways, allowedWith } from './seccomp-default.ts';

const rulesFor = (name: string, capabilities: readonly string[] = []): readonly OciSyscall[] =>
  seccompProfile(capabilities, 'x64').syscalls.filter((rule) => rule.names.includes(name));

describe('the seccomp profile', () => {
  test('refuses what it does not name, with EPERM', () => {
    expect(seccompProfile([], 'x64')).toMatchObject({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    });
  });

  test.each([
    ...['mount', 'umount2', 'unshare', 'setns', 'pivot_root', 'fsopen', 'move_mount', 'open_tree'],
    ...['keyctl', 'add_key', 'request_key', 'bpf', 'userfaultfd', 'perf_event_open', 'open_by_handle_at'],
    ...['io_uring_setup', 'io_uring_enter', 'io_uring_register', 'kexec_load', 'init_module', 'reboot'],
    ...['swapon', 'settimeofday', 'iopl', 'syslog', 'socketcall', 'chroot', 'acct', 'quotactl', 'vhangup'],
  ])('does not allow %s', (name) => expect(rulesFor(name)).toEqual([]));

  test('lets clone make threads and processes but no namespaces', () => {
    const [rule, ...more] = rulesFor('clone');
    expect(more).toEqual([]);
    const [arg] = rule?.args ?? [];
    const newNamespaces =
      0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;
    expect(arg).toEqual({ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' });
  });

  test('answers clone3 with ENOSYS, so that C libraries fall back to clone', () => {
    expect(rulesFor('clone3')).toEqual([{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  test('allows every family of sockets but AF_ALG and AF_VSOCK', () => {
    const allowed = (family: number): boolean => rulesFor('socket').some((rule) => matches(rule, family));
    expect([1, 2, 10, 16, 17, 37, 39, 41, 44].filter((family) => !allowed(family))).toEqual([]);
    expect([38, 40].filter(allowed)).toEqual([]);
  });

  test.each(Object.entries(allowedWith))('%s adds its calls, and only with it', (capability, names) => {
    for (const name of names) expect(rulesFor(name, [capability]).some((rule) => !rule.args)).toBe(true);
  });

  test('CAP_SYS_ADMIN lifts the rules on clone', () => {
    expect(rulesFor('clone', ['CAP_SYS_ADMIN']).every((rule) => rule.args === undefined)).toBe(true);
    expect(rulesFor('clone3', ['CAP_SYS_ADMIN'])).toMatchObject([{ action: 'SCMP_ACT_ALLOW' }]);
  });

  test('names no call twice', () => expect(new Set(allowedAlways).size).toBe(allowedAlways.length));
});

function matches(rule: OciSyscall, family: number): boolean {
  return (rule.args ?? []).every(({ op, value }) =>
    op === 'SCMP_CMP_LT' ? family < value : op === 'SCMP_CMP_GT' ? family > value : family === value,
  );
}
