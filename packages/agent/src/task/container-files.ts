import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskAssignment } from '@gantry/model/assignment';
import type { HostFiles } from './container-mounts.ts';
import { containerHostname } from './container-plan.ts';
import { hostsFile, resolvConf } from './names.ts';
import { nodeResolvConf } from './node-resolv-conf.ts';

/** The files that replace an image's own resolv.conf, hosts and hostname, a set per task. */
export interface ContainerFiles {
  write(task: TaskAssignment, address: string): Promise<HostFiles>;
  remove(taskId: string): Promise<void>;
}

/** The files on disk, each task's in a directory of its own below `dir`. `gateway`: the node's address for containers. */
export function containerFiles(dir: string, gateway: string): ContainerFiles {
  return {
    write: (task, address) => write(join(dir, task.taskId), task, address, gateway),
    remove: (taskId) => rm(join(dir, taskId), { recursive: true, force: true }),
  };
}

async function write(
  dir: string,
  task: TaskAssignment,
  address: string,
  gateway: string,
): Promise<HostFiles> {
  const files = {
    resolvConf: join(dir, 'resolv.conf'),
    hosts: join(dir, 'hosts'),
    hostname: join(dir, 'hostname'),
  };
  const hostname = containerHostname(task);
  const hostText = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const resolvers = nodeResolvConf(task.stack, gateway, hostText);
  const names = { hostname, naming: task.container.naming ?? {}, address, gateway, resolvers };
  // On this thread: the run directory is memory, and a trip through the thread pool costs more than the write.
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  writeFileSync(files.resolvConf, resolvConf(names), { mode: 0o644 });
  writeFileSync(files.hosts, hostsFile(names), { mode: 0o644 });
  writeFileSync(files.hostname, `${hostname}\n`, { mode: 0o644 });
  return files;
}

/** The files in memory: nothing is written, for the fake runtime reads none. */
export const fakeContainerFiles: ContainerFiles = {
  write: ({ taskId }) =>
    Promise.resolve({
      resolvConf: `/files/${taskId}/resolv.conf`,
      hosts: `/files/${taskId}/hosts`,
      hostname: `/files/${taskId}/hostname`,
    }),
  remove: () => Promise.resolve(),
};
