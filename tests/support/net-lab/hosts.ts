import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@gantry/kit/clock';
import type { Exec } from '@gantry/kit/exec';
import { silentLogger, type Logger } from '@gantry/kit/log';
import type { EncryptionAssignment, EndpointAssignment, PeerAssignment } from '@gantry/model/assignment';
import { createKernelNetwork } from '../../../packages/agent/src/network/kernel/kernel-network.ts';
import { settingsThrough } from '../../../packages/agent/src/network/kernel/settings.ts';
import type {
  Attachment,
  Network,
  NetworkState,
  TaskNetworking,
} from '../../../packages/agent/src/network/network.ts';
import { aPeer, pools } from '../networks.ts';
import type { Lab } from './lab.ts';

/** The networks of a lab's hosts, told what a controller would tell them. */
export class LabHosts {
  readonly lab: Lab;
  readonly networks = new Map<string, Network>();
  readonly attachments = new Map<string, Attachment>();
  readonly #dirs = new Map<string, string>();
  readonly #log: Logger;
  #skewMs = 0;
  #endpoints: readonly EndpointAssignment[] = [];
  /** Hosts whose kernel has no policy routing. */
  readonly without = new Set<string>();
  /** As the controller would say it: for a host of its own, or for all. */
  /** What every host is told of the cluster's addresses. */
  pools = pools;
  readonly encryption = new Map<string, EncryptionAssignment>();
  #tasks: readonly (TaskNetworking & { readonly host: string })[] = [];

  constructor(lab: Lab, log: Logger = silentLogger) {
    this.lab = lab;
    this.#log = log;
  }

  async open(): Promise<void> {
    for (const host of this.lab.hosts) {
      this.#dirs.set(host, await mkdtemp(join(tmpdir(), 'gantry-net-')));
      await this.start(host);
    }
    await this.tell();
  }

  async close(): Promise<void> {
    for (const network of this.networks.values()) await network.teardown();
    for (const dir of this.#dirs.values()) await rm(dir, { recursive: true });
  }

  /** Time passes for all hosts. */
  later(ms: number): void {
    this.#skewMs += ms;
  }

  /** Where a host keeps what outlives its agent. */
  dir(host: string): string {
    return this.#dirs.get(host) ?? '';
  }

  /** Begins the life of a host's network, or another one. */
  async start(host: string): Promise<void> {
    await this.networks.get(host)?.close();
    const network = await createKernelNetwork({
      stateDir: this.dir(host),
      runDir: join(this.dir(host), 'run'),
      guarded: [],
      exec: this.without.has(host) ? withoutRules(this.lab.exec(host)) : this.lab.exec(host),
      settings: settingsThrough(this.lab.exec(host)),
      follow: this.lab.follow(host),
      converse: this.lab.converse(host),
      clock: {
        ...systemClock,
        now: () => systemClock.now() + this.#skewMs,
        monotonic: () => systemClock.monotonic() + this.#skewMs,
      },
      log: this.#log,
    });
    this.networks.set(host, network);
  }

  /** Makes containers, by host and task; each answers on port 80 with its id. */
  async run(tasks: readonly (TaskNetworking & { readonly host: string })[]): Promise<void> {
    this.#tasks = [...this.#tasks, ...tasks];
    await this.tell();
    for (const { host, taskId } of tasks) {
      const attachment = await this.network(host).attach(taskId, []);
      await this.network(host).settled(taskId);
      this.attachments.set(taskId, attachment);
      await this.lab.serve(attachment.netns, taskId, 80);
    }
  }

  /**
   * The host was switched off and on: its containers, links, routes and rules are gone, what its agent keeps is not. Its next agent
   * finds that they ended, and knows of services what its last one did.
   */
  async reboot(host: string): Promise<void> {
    await this.network(host).close();
    const gone = this.#tasks.filter((task) => task.host === host).map(({ taskId }) => taskId);
    const exec = this.lab.exec(host);
    for (const taskId of gone) await exec(['ip', 'netns', 'del', `gt-${taskId}`]);
    await exec(['nft', 'flush', 'ruleset']);
    await exec(['ip', 'link', 'del', 'gx']);
    await this.start(host);
    await this.network(host).configure(this.state(host));
    for (const taskId of gone) await this.stop(taskId);
  }

  async stop(taskId: string): Promise<void> {
    const task = this.#tasks.find((one) => one.taskId === taskId);
    this.#tasks = this.#tasks.filter((one) => one !== task);
    if (task) await this.network(task.host).detach(taskId);
    this.attachments.delete(taskId);
  }

  /** Tells every host of the services, and waits until all have done what follows. */
  async tell(endpoints = this.#endpoints): Promise<void> {
    this.#endpoints = endpoints;
    await Promise.all(this.lab.hosts.map((host) => this.network(host).configure(this.state(host))));
  }

  state(host: string): NetworkState {
    const others = this.lab.hosts.filter((other) => other !== host);
    const encryption = this.encryption.get(host);
    return {
      subnet: aPeer(numberOf(host), '').subnet,
      pools: this.pools,
      address: this.lab.address(host),
      ...(encryption && { encryption }),
      peers: others.map((other) => this.#peer(other)),
      endpoints: this.#endpoints,
      tasks: this.#tasks.filter((task) => task.host === host),
    };
  }

  /** A host as the controller tells it to others: with the keys that it last told. */
  #peer(host: string): PeerAssignment {
    const { keys = [], sourceNat } = this.networks.get(host)?.report() ?? {};
    return {
      ...aPeer(numberOf(host), this.lab.address(host)),
      ...(keys.length > 0 && { keys }),
      ...(sourceNat && { sourceNat }),
    };
  }

  address(taskId: string): string {
    return this.attachments.get(taskId)?.address ?? '';
  }

  /** One question from a container, a host, or `outside`. */
  ask(from: string, ...words: readonly string[]): Promise<string> {
    return this.lab.ask(this.attachments.get(from)?.netns ?? from, ...words);
  }

  network(host: string): Network {
    const network = this.networks.get(host);
    if (!network) throw new Error(`no host ${host}`);
    return network;
  }
}

/** What a kernel without CONFIG_IP_MULTIPLE_TABLES answers. */
function withoutRules(exec: Exec): Exec {
  return (argv, options) =>
    argv[0] === 'ip' && argv.includes('rule')
      ? Promise.resolve({ code: 2, stdout: '', stderr: 'RTNETLINK answers: Operation not supported' })
      : exec(argv, options);
}

function numberOf(host: string): number {
  return Number(host.slice(1));
}
