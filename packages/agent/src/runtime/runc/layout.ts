import { join } from 'node:path';

/** Where one container's files are; everything below is ours to delete with it. */
export interface ContainerPaths {
  readonly bundle: string;
  readonly config: string;
  /** Pid of the container's first process, written by runc. */
  readonly pidFile: string;
  readonly monitorPidFile: string;
  /** What we know of it besides what runc knows: `meta.json`. */
  readonly meta: string;
  /** Held open by the monitor as long as it lives. */
  readonly alive: string;
  /** Written by the monitor when the container has ended: its exit code. */
  readonly exit: string;
  /** Our word on an end that no monitor saw. */
  readonly lost: string;
  /** Made by the monitor when the kernel killed a process for memory. */
  readonly oom: string;
}

/** The run directory of an agent, as the runtime uses it. */
export class Layout {
  readonly containers: string;
  readonly exits: string;
  readonly runcRoot: string;
  /** FIFOs for containers to come. */
  readonly fifos: string;

  constructor(runDir: string) {
    this.containers = join(runDir, 'containers');
    this.exits = join(runDir, 'exits');
    this.runcRoot = join(runDir, 'runc');
    this.fifos = join(runDir, 'fifos');
  }

  of(id: string): ContainerPaths {
    const bundle = join(this.containers, id);
    return {
      bundle,
      config: join(bundle, 'config.json'),
      pidFile: join(bundle, 'pid'),
      monitorPidFile: join(bundle, 'monitor.pid'),
      meta: join(bundle, 'meta.json'),
      alive: join(bundle, 'alive'),
      exit: join(this.exits, id),
      lost: join(bundle, 'lost.json'),
      oom: join(bundle, 'oom'),
    };
  }
}
