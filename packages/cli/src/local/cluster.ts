import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exec } from '@gantry/kit/exec';
import { GantryError } from '@gantry/kit/errors';
import { protectFromOom } from '@gantry/kit/oom';
import type { Pools } from '@gantry/model/addresses';
import { purge } from '../doctor/purge.ts';
import { ManagedProcess } from './managed-process.ts';
import { endOrphans, remember } from './orphans.ts';
import { linkCommands, ports, topologyOf, type LocalHost, type Topology } from './topology.ts';
import { refuseTakenPort, waitForPort } from './wait.ts';

export interface LocalClusterOptions {
  readonly name: string;
  readonly hosts: number;
  /** Default 1. The first one leads to begin with; the others stand by. */
  readonly controllers?: number;
  /** The `gantry` executable that controller and agents are started from. */
  readonly gantryBin: string;
  readonly exec: Exec;
  /** Also listen on 127.0.0.1:7443, where the cli looks first. */
  readonly onLoopback?: boolean;
  readonly insecureRegistries?: readonly string[];
  readonly silence?: string;
  readonly fence?: string;
  /** `wireguard`: hosts speak with each other in secret. */
  readonly encryption?: string;
  /** Addresses of containers and of services; absent: the controller's defaults. */
  readonly pools?: Pools;
  readonly logLevel?: string;
  /** Hears of a program that ended although nobody asked it to. */
  readonly onSurprise?: (name: string, how: string) => void;
}

/** A cluster on this machine: real etcd, NATS and controller here, an agent in a network namespace for each host. */
export class LocalCluster {
  readonly topology: Topology;
  readonly #options: LocalClusterOptions;
  readonly #processes = new Map<string, ManagedProcess>();

  private constructor(topology: Topology, options: LocalClusterOptions) {
    this.topology = topology;
    this.#options = options;
  }

  /** Makes hosts and starts everything; resolves once the controller answers (agents may still be joining). */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const net = await freeNet(options.exec);
    const cluster = new LocalCluster(topologyOf(options.name, options.hosts, net), options);
    await cluster.#clear();
    if (options.onLoopback) await refuseTakenPort('127.0.0.1', ports.controller);
    try {
      await cluster.#makeDirectories();
      await cluster.#makeLinks();
      await cluster.#startStores();
      for (const name of cluster.#controllers) cluster.#add(name, cluster.#controllerArgv(name));
      cluster.process('controller').start();
      await waitForPort(cluster.topology.gateway, ports.controller, 20_000);
      for (const name of cluster.#controllers.slice(1)) cluster.process(name).start();
      for (const host of cluster.topology.hosts)
        cluster.#add(`agent-${host.name}`, cluster.#agentArgv(host)).start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Where the cli finds the controller. */
  get controllerAddress(): string {
    return this.addressOf('controller');
  }

  /** Where a controller listens while it leads: `controller`, `controller-2` … */
  addressOf(controller: string): string {
    return `${this.topology.gateway}:${ports.controller + this.#controllers.indexOf(controller)}`;
  }

  /** `etcd`, `nats`, `controller`, `controller-2`, `agent-n1` … */
  process(name: string): ManagedProcess {
    const found = this.#processes.get(name);
    if (!found) throw new GantryError('not_found', `the local cluster has no program ${name}`);
    return found;
  }

  host(name: string): LocalHost {
    const found = this.topology.hosts.find((host) => host.name === name);
    if (!found) throw new GantryError('not_found', `the local cluster has no host ${name}`);
    return found;
  }

  /** Ends everything and leaves only images and logs below the state directory. */
  async stop(): Promise<void> {
    await this.#end(this.topology.hosts.map((host) => `agent-${host.name}`));
    await this.#end(this.#controllers);
    await this.#end(['nats', 'etcd']);
    await this.#clear();
  }

  async #end(names: readonly string[]): Promise<void> {
    const running = names.flatMap((name) => this.#processes.get(name) ?? []);
    await Promise.all(running.map((process) => process.kill('SIGTERM')));
  }

  /** Removes what an earlier cluster of this name left: programs, containers, mounts, namespaces, links, run directory. */
  async #clear(): Promise<void> {
    const { topology } = this;
    await endOrphans(this.#pidDir);
    await purge({ exec: this.#options.exec, topology });
    for (const host of topology.hosts) {
      for (const part of ['tasks', 'rootfs', 'network', 'node-id', 'assignments.json']) {
        await rm(join(host.stateDir, part), { recursive: true, force: true });
      }
    }
    await rm(join(topology.stateDir, 'etcd'), { recursive: true, force: true });
    await rm(topology.runDir, { recursive: true, force: true });
  }

  get #pidDir(): string {
    return join(this.topology.runDir, 'processes');
  }

  async #makeDirectories(): Promise<void> {
    const { topology } = this;
    for (const dir of [topology.stateDir, join(topology.stateDir, 'logs'), topology.runDir]) {
      await mkdir(dir, { recursive: true, mode: 0o711 });
    }
    for (const host of topology.hosts) {
      await mkdir(host.stateDir, { recursive: true, mode: 0o711 });
      await mkdir(host.runDir, { recursive: true, mode: 0o711 });
    }
  }

  async #makeLinks(): Promise<void> {
    for (const line of linkCommands(this.topology)) {
      const result = await this.#options.exec(line.split(' '));
      if (result.code !== 0) throw new GantryError('internal', `${line} failed: ${result.stderr.trim()}`);
    }
  }

  async #startStores(): Promise<void> {
    const { etcdHost, gateway, stateDir } = this.topology;
    const client = `http://${etcdHost}:${ports.etcd}`;
    const peer = `http://${etcdHost}:${ports.etcdPeer}`;
    this.#add('etcd', [
      'etcd',
      '--name',
      'local',
      '--data-dir',
      join(stateDir, 'etcd'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `local=${peer}`,
      '--pre-vote',
      '--auto-compaction-mode',
      'periodic',
      '--auto-compaction-retention',
      '1h',
      '--quota-backend-bytes',
      String(2 ** 31),
      '--logger',
      'zap',
      '--log-outputs',
      'stderr',
    ]).start();
    this.#add('nats', ['nats-server', '--addr', gateway, '--port', String(ports.nats)]).start();
    await waitForPort(etcdHost, ports.etcd, 15_000);
    await waitForPort(gateway, ports.nats, 15_000);
  }

  get #controllers(): readonly string[] {
    const others = (this.#options.controllers ?? 1) - 1;
    return ['controller', ...Array.from({ length: others }, (_, index) => `controller-${index + 2}`)];
  }

  #controllerArgv(name: string): readonly string[] {
    const { topology } = this;
    const onLoopback = this.#options.onLoopback === true && name === 'controller';
    const listen = [this.addressOf(name), ...(onLoopback ? [`127.0.0.1:${ports.controller}`] : [])];
    return [
      process.execPath,
      this.#options.gantryBin,
      'controller',
      ...listen.flatMap((address) => ['--listen', address]),
      '--etcd',
      `http://${topology.etcdHost}:${ports.etcd}`,
      '--nats',
      `nats://${topology.gateway}:${ports.nats}`,
      '--state-dir',
      join(topology.stateDir, name),
      '--secret-key-file',
      join(topology.stateDir, 'controller', 'secret.key'),
      ...(this.#options.encryption === undefined ? [] : ['--encryption', this.#options.encryption]),
      ...(this.#options.pools === undefined
        ? []
        : ['--container-pool', this.#options.pools.containerPool, '--vip-pool', this.#options.pools.vipPool]),
      ...(this.#options.silence === undefined ? [] : ['--silence', this.#options.silence]),
      ...(this.#options.fence === undefined ? [] : ['--fence', this.#options.fence]),
      ...this.#commonFlags(),
    ];
  }

  #agentArgv(host: LocalHost): readonly string[] {
    return [
      'nsenter', `--net=/run/netns/${host.netns}`, process.execPath, this.#options.gantryBin, 'agent',
      ...this.#controllers.flatMap((name) => ['--controller', this.addressOf(name)]),
      '--name', host.name, '--address', host.address,
      '--state-dir', host.stateDir, '--run-dir', host.runDir, '--cgroup-parent', host.cgroupParent,
      ...this.#commonFlags(),
    ]; // prettier-ignore
  }

  #commonFlags(): readonly string[] {
    const registries = this.#options.insecureRegistries ?? [];
    return [
      ...registries.flatMap((registry) => ['--insecure-registry', registry]),
      '--log-level',
      this.#options.logLevel ?? 'info',
    ];
  }

  #add(name: string, argv: readonly string[]): ManagedProcess {
    const log = join(this.topology.stateDir, 'logs', `${name}.log`);
    const onStart = (program: string, pid: number): void => {
      // Without it, an orphan of this program would have to be ended by hand: no reason to stop.
      remember(this.#pidDir, program, pid).catch(() => undefined);
      // Controller and agents see to it themselves. Where it is not allowed, they say so.
      if (program === 'etcd') void protectFromOom(pid);
    };
    const made = new ManagedProcess(name, argv, log, this.#options.onSurprise ?? (() => undefined), onStart);
    this.#processes.set(name, made);
    return made;
  }
}

/** The first 10.209.N.0/24 that no interface of this machine uses. */
async function freeNet(exec: Exec): Promise<number> {
  const { stdout } = await exec(['ip', '-4', '-o', 'addr', 'show']);
  const used = new Set([...stdout.matchAll(/ 10\.209\.(\d+)\./g)].map((match) => Number(match[1])));
  for (let net = 0; net < 256; net++) if (!used.has(net)) return net;
  throw new GantryError(
    'exhausted',
    'every network 10.209.0.0/24 to 10.209.255.0/24 is in use on this machine',
  );
}
