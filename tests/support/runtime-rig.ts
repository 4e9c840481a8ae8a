import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, execOk } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import type { ContainerSpec } from '@gantry/model/service';
import { readHostFacts } from '../../packages/agent/src/runtime/runc/host-facts.ts';
import type { OciHost } from '../../packages/agent/src/runtime/runc/oci-spec.ts';
import { createRuncRuntime } from '../../packages/agent/src/runtime/runc/runc-runtime.ts';
import type { ContainerExit, ContainerPlan, Runtime } from '../../packages/agent/src/runtime/runtime.ts';
import { containerPlan } from '../../packages/agent/src/task/container-plan.ts';
import { aContainer, anId } from './builders.ts';

const applets = [
  'sh',
  'sleep',
  'cat',
  'dd',
  'ls',
  'mount',
  'id',
  'grep',
  'stat',
  'hostname',
  'tty',
  'ps',
  'kill',
];

/** Real containers for one test file: a root of busybox, a network namespace, a cgroup parent, plans from container specs. */
export class RuntimeRig {
  readonly name: string;
  readonly dir: string;
  runtime!: Runtime;

  private constructor(name: string, dir: string) {
    this.name = name;
    this.dir = dir;
  }

  static async make(what: string): Promise<RuntimeRig> {
    const name = `gtest-${what}-${process.pid}`;
    const dir = await mkdtemp(join(tmpdir(), `${name}-`));
    for (const part of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp'])
      await mkdir(join(dir, 'rootfs', part), { recursive: true });
    await copyFile('/usr/bin/busybox', join(dir, 'rootfs/bin/busybox'));
    for (const applet of applets) await symlink('busybox', join(dir, 'rootfs/bin', applet));
    for (const file of ['resolv.conf', 'hosts', 'hostname']) await writeFile(join(dir, file), `${file}\n`);
    await mkdir(join(dir, 'logs'));
    await execOk(exec, ['ip', 'netns', 'add', name]);
    return new RuntimeRig(name, dir);
  }

  /** A runtime as an agent makes it; `more` for what this host is to be taken for. */
  async open(more: Partial<OciHost> = {}): Promise<void> {
    this.runtime = await createRuncRuntime({
      exec,
      clock: systemClock,
      log: silentLogger,
      runDir: join(this.dir, 'run'),
      cgroupParent: this.name,
      logPath: (id) => join(this.dir, 'logs', `${id}.log`),
      host: { ...(await readHostFacts(this.name)), ...more },
      runc: '/usr/sbin/runc',
    });
  }

  /** Ends all containers; nothing of them may be left in any cgroup. */
  async close(): Promise<void> {
    for (const id of (await this.runtime.list()).keys()) await this.runtime.delete(id);
    await this.runtime.close();
    for (const controller of await readdir('/sys/fs/cgroup'))
      expect(await readdir(join('/sys/fs/cgroup', controller, this.name)).catch(() => [])).toEqual([]);
  }

  async remove(): Promise<void> {
    await exec(['ip', 'netns', 'del', this.name]);
    await rm(this.dir, { recursive: true, force: true });
  }

  planOf(spec: Partial<ContainerSpec>, uid = 0): ContainerPlan {
    const { dir, name } = this;
    return containerPlan({
      task: {
        taskId: anId('t'),
        serviceId: anId('s'),
        revisionId: anId('r'),
        stack: 'shop',
        service: 'web',
        slot: 1,
        desired: 'running',
        container: aContainer(spec),
        image: { ref: 'web:1', digest: `sha256:${'a'.repeat(64)}`, source: 'loaded' },
        hostPorts: [],
        networking: { networks: [] },
      } as unknown as Parameters<typeof containerPlan>[0]['task'],
      image: { entrypoint: [], command: [], env: ['PATH=/bin'], workingDir: '/', user: '', exposedPorts: [] },
      rootfs: join(dir, 'rootfs'),
      netns: `/run/netns/${name}`,
      user: { uid, gid: uid, additionalGids: [] },
      files: {
        resolvConf: join(dir, 'resolv.conf'),
        hosts: join(dir, 'hosts'),
        hostname: join(dir, 'hostname'),
      },
    });
  }

  /** Runs it and waits for its end. */
  async runToEnd(plan: ContainerPlan): Promise<{ readonly exit: ContainerExit; readonly output: string }> {
    const ended = this.end(plan.id);
    await this.runtime.run(plan);
    const exit = await ended;
    return { exit, output: await this.output(plan.id) };
  }

  /** The end of a container; ask before it can come. */
  end(id: string): Promise<ContainerExit> {
    return new Promise<ContainerExit>((resolve) => {
      const stop = this.runtime.onExit((ended, exit) => {
        if (ended !== id) return;
        stop();
        resolve(exit);
      });
    });
  }

  /** What it wrote, without conmon's stamps. */
  async output(id: string): Promise<string> {
    const text = await readFile(join(this.dir, 'logs', `${id}.log`), 'utf8').catch(() => '');
    return text.replaceAll(/^\S+ std(?:out|err) [FP] /gm, '').replaceAll('\r', '');
  }
}
