import { access, readFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import type { Exec } from '@gantry/kit/exec';

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do when it is not ok. */
  readonly fix: string;
  /** Only some clusters need it: a host without it is fit, too. */
  readonly optional?: boolean;
}

/** Programs an agent calls, with the Debian package that brings each. */
const programs: readonly (readonly [program: string, debianPackage: string])[] = [
  ['runc', 'runc'],
  ['conmon', 'conmon'],
  ['skopeo', 'skopeo'],
  ['nft', 'nftables'],
  ['ip', 'iproute2'],
  ['tini-static', 'tini'],
];

const filesystems = ['overlay', 'cgroup'] as const;

/** Everything an agent needs of its host, each with what to do if it is missing. */
export async function checkHost(exec: Exec): Promise<readonly CheckResult[]> {
  return [
    root(),
    ...(await Promise.all(programs.map(([program, name]) => programCheck(program, name)))),
    ...(await kernelChecks()),
    await nftCheck(exec),
    await wireguardCheck(exec),
  ];
}

/** True if nothing is missing that every cluster needs. */
export function isFit(results: readonly CheckResult[]): boolean {
  return results.every(({ ok, optional }) => ok || optional === true);
}

function root(): CheckResult {
  const uid = process.getuid?.() ?? -1;
  return { name: 'root', ok: uid === 0, found: `uid ${uid}`, fix: 'run it with sudo' };
}

async function programCheck(program: string, debianPackage: string): Promise<CheckResult> {
  const dirs = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  const hits = await Promise.all(
    dirs.map((dir) =>
      access(join(dir, program), constants.X_OK).then(
        () => join(dir, program),
        () => undefined,
      ),
    ),
  );
  const file = hits.find((hit) => hit !== undefined);
  return {
    name: program,
    ok: file !== undefined,
    found: file ?? 'not found',
    fix: `apt-get install ${debianPackage}`,
  };
}

async function kernelChecks(): Promise<readonly CheckResult[]> {
  const known = await readFile('/proc/filesystems', 'utf8').catch(() => '');
  const groups = await readFile('/proc/cgroups', 'utf8').catch(() => '');
  return [
    ...filesystems.map((name) => ({
      name: `${name} file system`,
      ok: new RegExp(`\\t${name}$`, 'm').test(known),
      found: new RegExp(`\\t${name}$`, 'm').test(known) ? 'in the kernel' : 'not in the kernel',
      fix: `modprobe ${name}`,
    })),
    {
      name: 'memory controller',
      ok: /^memory\t\d+\t\d+\t1$/m.test(groups),
      found: /^memory\t\d+\t\d+\t1$/m.test(groups) ? 'enabled' : 'disabled',
      fix: 'boot with cgroup_enable=memory',
    },
  ];
}

async function nftCheck(exec: Exec): Promise<CheckResult> {
  const result = await exec(['nft', 'list', 'tables']).catch(() => undefined);
  const ok = result?.code === 0;
  return {
    name: 'nftables',
    ok,
    found: ok ? 'works' : (result?.stderr.trim() ?? 'cannot run nft'),
    fix: 'use a kernel with CONFIG_NF_TABLES',
  };
}

/** What an encrypted cluster needs: `wg`, and WireGuard of the kernel or of `wireguard-go`. Others can do without. */
async function wireguardCheck(exec: Exec): Promise<CheckResult> {
  const name = 'wireguard (for --encryption)';
  const [tool, userspace] = await Promise.all(
    ['wg', 'wireguard-go'].map((program) => programCheck(program, '')),
  );
  const kernel = await exec(['modprobe', '-n', 'wireguard']).catch(() => undefined);
  const inKernel = kernel?.code === 0;
  const tun = await access('/dev/net/tun').then(
    () => true,
    () => false,
  );
  const missing = [
    ...(tool?.ok ? [] : ['wg']),
    ...(inKernel || (userspace?.ok && tun) ? [] : [userspace?.ok ? '/dev/net/tun' : 'wireguard-go']),
  ];
  return {
    name,
    optional: true,
    ok: missing.length === 0,
    found: missing.length > 0 ? `no ${missing.join(', ')}` : inKernel ? 'in the kernel' : 'wireguard-go',
    fix: 'apt-get install wireguard-tools wireguard-go; modprobe tun',
  };
}
