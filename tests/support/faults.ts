import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exec } from '@gantry/kit/exec';
import type { LocalCluster } from '../../packages/cli/src/local/cluster.ts';
import type { LocalHost } from '../../packages/cli/src/local/topology.ts';

/**
 * Takes a host away as a power cut would: its agent and all its containers die, its link goes down, and its kernel forgets
 * rules, links of containers and hosts, and connections.
 */
export async function hostDown(exec: Exec, cluster: LocalCluster, host: LocalHost): Promise<void> {
  await exec(['ip', '-n', cluster.topology.switchNs, 'link', 'set', host.name, 'down']);
  await cluster.process(`agent-${host.name}`).kill('SIGKILL');
  for (const pid of await containerPids(host)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended with its monitor
    }
  }
  await forgetNetwork(exec, host);
}

async function forgetNetwork(exec: Exec, { netns }: LocalHost): Promise<void> {
  const inside = ['ip', 'netns', 'exec', netns];
  for (const link of await linksOfOurs(exec, { netns })) {
    await exec([...inside, 'ip', 'link', 'del', link]);
    if (link.startsWith('gv')) await exec(['ip', 'netns', 'del', `gt-${link.slice(2)}`]);
  }
  await exec([...inside, 'nft', 'flush', 'ruleset']);
  await exec([...inside, 'conntrack', '-F']);
}

/** The links of containers and tunnels that a host has. */
export async function linksOfOurs(
  exec: Exec,
  { netns }: Pick<LocalHost, 'netns'>,
): Promise<readonly string[]> {
  const { stdout } = await exec(['ip', '-n', netns, '-o', 'link', 'show']);
  return Array.from(stdout.matchAll(/^\d+: (g[vxwi][^:@]*)/gm), ([, name = '']) => name);
}

/** Brings the host back: link up, agent started on the state it left. */
export async function hostUp(exec: Exec, cluster: LocalCluster, host: LocalHost): Promise<void> {
  await exec(['ip', '-n', cluster.topology.switchNs, 'link', 'set', host.name, 'up']);
  cluster.process(`agent-${host.name}`).start();
}

/** Host pids of everything in the containers of one host: monitors first, so that none writes an exit file. */
export async function containerPids(host: LocalHost): Promise<readonly number[]> {
  const monitors: number[] = [];
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (/^[^\0]*conmon\0/.test(command) && command.includes(`${host.runDir}/`)) monitors.push(Number(name));
  }
  const group = join('/sys/fs/cgroup/pids', host.cgroupParent);
  const unified = join('/sys/fs/cgroup', host.cgroupParent);
  const inside = await Promise.all([group, unified].map(processesBelow));
  return [...monitors, ...inside.flat()];
}

async function processesBelow(cgroup: string): Promise<readonly number[]> {
  const own = (await readFile(join(cgroup, 'cgroup.procs'), 'utf8').catch(() => ''))
    .split('\n')
    .filter(Boolean);
  const entries = await readdir(cgroup, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => processesBelow(join(cgroup, entry.name)));
  return [...own.map(Number), ...(await Promise.all(below)).flat()];
}
