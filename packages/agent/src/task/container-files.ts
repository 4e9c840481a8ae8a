import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskAssignment } from '@gantry/model/assignment';
import { containerHostname, type ContainerPlanInput } from './container-plan.ts';

/** Writes the files that replace the image's own resolv.conf, hosts and hostname. */
export async function writeContainerFiles(
  dir: string,
  task: TaskAssignment,
  address: string,
): Promise<ContainerPlanInput['files']> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const files = {
    resolvConf: join(dir, 'resolv.conf'),
    hosts: join(dir, 'hosts'),
    hostname: join(dir, 'hostname'),
  };
  const hostname = containerHostname(task);
  const resolvers = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  await Promise.all([
    writeFile(files.resolvConf, resolvers, { mode: 0o644 }),
    writeFile(files.hosts, `127.0.0.1 localhost\n::1 localhost\n${address} ${hostname}\n`, { mode: 0o644 }),
    writeFile(files.hostname, `${hostname}\n`, { mode: 0o644 }),
  ]);
  return files;
}

export async function removeContainerFiles(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
