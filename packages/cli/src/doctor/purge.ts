import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';
import type { Topology } from '../local/topology.ts';
import { waitFor } from '../local/wait.ts';

/**
 * Removes every container, mount, cgroup, namespace and link of a local cluster, whatever state it is in. Its agents
 * must have ended; data below the state directory stays.
 */
export async function purge({ exec, topology }: { exec: Exec; topology: Topology }): Promise<void> {
  for (const host of topology.hosts) await purgeContainers(exec, host.cgroupParent, host.runDir);
  for (const host of topology.hosts) await purgeUnderlay(host.stateDir);
  await unmountBelow(exec, [topology.stateDir, topology.runDir]);
  const own = topology.hosts.flatMap((host) => [host.netns]);
  for (const netns of [...(await taskNamespaces(topology)), ...own, topology.switchNs]) {
    await exec(['ip', 'netns', 'del', netns]); // what is not there is gone
  }
  await exec(['ip', 'link', 'del', topology.uplink]);
}

/** Kills the monitors and processes of all containers below one cgroup parent and removes their cgroups. */
async function purgeContainers(exec: Exec, cgroupParent: string, runDir: string): Promise<void> {
  await killAll(() => monitors(runDir));
  const controllers = ['', ...(await list('/sys/fs/cgroup'))].map((name) => join('/sys/fs/cgroup', name));
  const parents = controllers.map((controller) => join(controller, cgroupParent));
  await killAll(async () => (await Promise.all(parents.map(processesBelow))).flat());
  for (const parent of parents) await removeTree(parent);
}

async function killAll(find: () => Promise<readonly number[]>): Promise<void> {
  await waitFor(
    'the end of the containers',
    async () => {
      const pids = await find();
      for (const pid of pids) kill(pid);
      return pids.length === 0 ? true : undefined;
    },
    10_000,
    20,
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}

/** Pids of conmon processes whose bundle is below this run directory. */
async function monitors(runDir: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of (await list('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const argv = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (argv[0]?.endsWith('conmon') === true && argv.some((word) => word.startsWith(`${runDir}/`))) {
      found.push(Number(name));
    }
  }
  return found;
}

/** Ends `wireguard-go` for the links of a host, which the configurations tell that it keeps for them. */
async function purgeUnderlay(stateDir: string): Promise<void> {
  const links = (await list(join(stateDir, 'network', 'wireguard')))
    .filter((name) => name.endsWith('.conf'))
    .map((name) => name.slice(0, -'.conf'.length));
  if (links.length === 0) return;
  await killAll(() => servers(links));
  for (const link of links) await rm(`/var/run/wireguard/${link}.sock`, { force: true });
}

async function servers(links: readonly string[]): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of (await list('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const argv = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (argv[0]?.endsWith('wireguard-go') && links.includes(argv[1] ?? '')) found.push(Number(name));
  }
  return found;
}

async function processesBelow(cgroup: string): Promise<readonly number[]> {
  const own = (await readFile(join(cgroup, 'cgroup.procs'), 'utf8').catch(() => ''))
    .split('\n')
    .filter(Boolean);
  const below = await Promise.all((await subdirectories(cgroup)).map(processesBelow));
  return [...own.map(Number), ...below.flat()].filter((pid) => pid !== process.pid);
}

async function removeTree(cgroup: string): Promise<void> {
  for (const child of await subdirectories(cgroup)) await removeTree(child);
  // The kernel may need a moment to let go of a cgroup whose last process just died.
  await waitFor(
    `the end of ${cgroup}`,
    () =>
      rmdir(cgroup).then(
        () => true as const,
        (error: unknown) => (isBusy(error) ? undefined : true),
      ),
    5_000,
    20,
  );
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EBUSY';
}

async function subdirectories(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name));
}

async function unmountBelow(exec: Exec, roots: readonly string[]): Promise<void> {
  for (const target of [...(await mountsBelow(roots))].reverse()) await exec(['umount', '--lazy', target]);
  // Directories are deleted next: through a mount that stayed, that would be data of the host.
  const [left] = await mountsBelow(roots);
  if (left !== undefined) throw new GantryError('internal', `${left} cannot be unmounted`);
}

async function mountsBelow(roots: readonly string[]): Promise<readonly string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const targets = text.split('\n').map((line) => line.split(' ')[4] ?? '');
  return targets.filter((target) => roots.some((root) => target.startsWith(`${root}/`)));
}

/** Namespaces of tasks of this cluster: those that a bundle or a root directory names. */
async function taskNamespaces(topology: Topology): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const host of topology.hosts) {
    for (const dir of [
      join(host.runDir, 'containers'),
      join(host.stateDir, 'rootfs'),
      join(host.stateDir, 'tasks'),
    ]) {
      for (const name of await list(dir)) ids.add(name.replace(/\.json$/, ''));
    }
    for (const name of await list(join(host.stateDir, 'network', 'leases')))
      ids.add(name.replace(/\.json$/, ''));
    await rm(join(host.runDir, 'containers'), { recursive: true, force: true });
  }
  const present = await list('/run/netns');
  return [...ids].map((id) => `gt-${id}`).filter((name) => present.includes(name));
}

async function list(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => []);
}
