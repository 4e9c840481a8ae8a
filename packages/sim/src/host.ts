import { FakeContents } from '@gantry/agent/contents/fake';
import { FakeFence } from '@gantry/agent/fence/fake';
import { FakeImages } from '@gantry/agent/images/fake';
import { ContentSource } from '@gantry/agent/link/contents';
import { fakeLogs } from '@gantry/agent/logs/fake';
import { FakeNetwork } from '@gantry/agent/network/fake';
import { startNode } from '@gantry/agent/node';
import { FakeHost, FakeRuntime } from '@gantry/agent/runtime/fake';
import type { Runtime } from '@gantry/agent/runtime/runtime';
import { fakeContainerFiles } from '@gantry/agent/task/container-files';
import { closedPolicy } from '@gantry/agent/task/policy';
import { FakeVolumes } from '@gantry/agent/volumes/fake';
import { MemoryDisk } from '@gantry/agent/worker/memory-disk';
import type { Logger } from '@gantry/kit/log';
import type { NodeDescription } from '@gantry/model/node';
import type { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import { behaviourOf } from './behaviour.ts';
import { overriding, slowly } from './slow.ts';
import type { Wire } from './wire.ts';
import { Process, type World } from './world.ts';

export interface HostDeps {
  readonly world: World;
  readonly wire: Wire;
  readonly log: Logger;
  /** A client of each controller, for one life of an agent. */
  readonly clients: (process: Process) => readonly AgentGatewayClient[];
  /** Hears of a container that begins, is signalled or taken away while it runs. */
  readonly onContainer: (event: 'run' | 'signal' | 'delete', host: SimHost, taskId: string) => void;
  /** Hears of an agent that died at a point of its own. */
  readonly onCrash: (host: SimHost) => void;
}

export interface HostSize {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** A host: what outlives its agent (containers, disk, network), and the agent while it lives. */
export class SimHost {
  readonly name: string;
  /** The node's id, once an agent has lived here. */
  nodeId = '';
  powered = true;
  /** Its disk takes nothing new. */
  full = false;
  containers = new FakeHost();
  fence: FakeFence;
  readonly images = new FakeImages();
  readonly network = new FakeNetwork();
  readonly volumes = new FakeVolumes();
  readonly contents = new FakeContents();
  readonly disk = new MemoryDisk();
  agent: Process | undefined;
  readonly #deps: HostDeps;
  readonly #size: HostSize;
  readonly #address: string;
  #runtime: FakeRuntime | undefined;
  #lives = 0;
  #boots = 1;
  wallOffset = 0;

  constructor(name: string, index: number, size: HostSize, deps: HostDeps) {
    this.name = name;
    this.#deps = deps;
    this.#size = size;
    this.fence = new FakeFence(deps.world.clock, this.containers);
    this.#address = `10.209.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  }

  /** Containers that run now. */
  running(): readonly string[] {
    return [...this.containers.containers].filter(([, { exit }]) => !exit).map(([id]) => id);
  }

  runs(taskId: string): boolean {
    const container = this.containers.containers.get(taskId);
    return container !== undefined && !container.exit;
  }

  startAgent(): void {
    if (this.agent || !this.powered) return;
    const { world, log } = this.#deps;
    const process = new Process(world, this.name, ++this.#lives, this.wallOffset, () => {
      this.crashAgent();
      this.#deps.onCrash(this);
    });
    this.agent = process;
    this.#begin(process).catch((error: unknown) =>
      log.error('an agent could not start', { error: String(error) }),
    );
  }

  async #begin(process: Process): Promise<void> {
    const { world, clients } = this.#deps;
    this.nodeId = await this.disk.nodeId(process.newId);
    if (!process.alive) return;
    const runtime = new FakeRuntime(world.clock, this.containers, behaviourOf);
    this.#runtime = runtime;
    const contentSource = new ContentSource(process.clock);
    this.contents.fetch = contentSource.fetch;
    await startNode({
      runtime: slowly(process, this.#watched(runtime, process), ['run', 'signal', 'delete', 'list']),
      images: slowly(process, this.images, ['ensure', 'mount', 'unmount', 'mounted']),
      network: slowly(process, this.network, ['configure', 'attach', 'detach', 'attached']),
      disk: slowly(process, this.disk, ['records', 'save', 'remove', 'load', 'keep']),
      contents: slowly(process, this.contents, ['prepare', 'release', 'held']),
      onSession: ({ sessionId }, client) => contentSource.use(sessionId, client),
      volumes: slowly(process, this.volumes, ['prepare', 'release', 'held']),
      fence: slowly(process, this.fence, ['arm', 'fired', 'release']),
      logs: fakeLogs,
      files: fakeContainerFiles,
      lookUpUser: () => Promise.resolve({ uid: 0, gid: 0, additionalGids: [] }),
      clients: clients(process),
      nodeId: this.nodeId,
      name: this.name,
      description: this.#describe(),
      bootId: this.#describe().bootId,
      pressure: () => (this.full ? '97 % of the disk is used' : undefined),
      policy: closedPolicy,
      probe: () => Promise.resolve({ ok: true, words: '' }),
      failpoint: () => void process.touch(),
      clock: process.clock,
      random: process.random,
      log: this.#deps.log.with({ host: this.name }),
    });
  }

  /** The agent dies; everything else on the host goes on. */
  crashAgent(): void {
    if (!this.agent) return;
    this.agent.kill();
    this.agent = undefined;
    void this.#runtime?.close();
    this.#deps.wire.reset(this.name);
  }

  /** Power loss: containers, mounts and addresses are gone; the disk stays. Nobody hears of it at once. */
  powerOff(): void {
    if (!this.powered) return;
    this.powered = false;
    this.agent?.kill();
    this.agent = undefined;
    void this.#runtime?.close();
    this.fence.close();
    this.containers = new FakeHost();
    this.fence = new FakeFence(this.#deps.world.clock, this.containers);
    this.images.roots.clear();
    this.contents.files.clear();
    void this.network.teardown();
    this.#boots++;
  }

  powerOn(): void {
    if (this.powered) return;
    this.powered = true;
    // What others still held open to the former boot is refused now.
    this.#deps.wire.reset(this.name);
    this.startAgent();
  }

  #watched(runtime: FakeRuntime, process: Process): Runtime {
    const tell = (event: 'signal' | 'delete', id: string): void => {
      if (this.runs(id)) this.#deps.onContainer(event, this, id);
    };
    return overriding<Runtime>(runtime, {
      run: async (plan, mayStart) => {
        const known = this.containers.containers.has(plan.id);
        const identity = await runtime.run(plan, mayStart);
        if (!known) this.#deps.onContainer('run', this, plan.id);
        return identity;
      },
      onExit: (listener) => runtime.onExit((id, exit) => process.run(() => listener(id, exit))),
      signal: (id, signal) => {
        tell('signal', id);
        return runtime.signal(id, signal);
      },
      delete: (id) => {
        tell('delete', id);
        return runtime.delete(id);
      },
    });
  }

  #describe(): NodeDescription {
    return {
      hostname: this.name,
      address: this.#address,
      os: 'linux',
      arch: 'amd64',
      ...this.#size,
      kernel: '6.1',
      agentVersion: 'simulated',
      bootId: `${this.name}-boot-${this.#boots}`,
    };
  }
}
