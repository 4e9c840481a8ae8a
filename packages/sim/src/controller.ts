import { memoryCredentials } from '@gantry/controller/images/credentials';
import type { ImageStore } from '@gantry/controller/images/image-store';
import { Election } from '@gantry/controller/election/election';
import type { Reconciler } from '@gantry/controller/reconcilers/reconciler';
import { KeysInMemory } from '@gantry/controller/secrets/keys';
import { SealedVault } from '@gantry/controller/secrets/vault';
import { EtcdLog } from '@gantry/controller/store/etcd-log';
import { openStore } from '@gantry/controller/store/open-store';
import type { UsageBoard } from '@gantry/controller/telemetry/usage-board';
import { leadWhenElected, startTerm, type Doors } from '@gantry/controller/term';
import { GantryError } from '@gantry/kit/errors';
import type { Logger } from '@gantry/kit/log';
import { EtcdDoor, type EtcdFaults } from './etcd-door.ts';
import type { EtcdState } from './etcd.ts';
import type { Wire } from './wire.ts';
import { Process, type World } from './world.ts';

/** Protections of a leader that can be left out. */
export type Protection =
  /** Commits compare the leader's key. */
  | 'fence'
  /** Agents are spoken to only while the lease holds. */
  | 'lease at the doors'
  /** A host that registers or asks for everything is answered only after a fenced read. */
  | 'fenced read'
  /** A term begins only once the view has caught up. */
  | 'catching up';

/** Prefix of the store's keys. */
export const prefix = '/gantry/v1';

export interface ControllerDeps {
  readonly world: World;
  readonly wire: Wire;
  readonly etcd: EtcdState;
  readonly log: Logger;
  readonly faults: EtcdFaults;
  readonly reconcilers: readonly Reconciler[];
  readonly silenceMs: number;
  /** What is left out of the product, to see that it is missed. */
  readonly without: readonly Protection[];
  /** Hears of a controller that died at a point of its own, or could not lead. */
  readonly onCrash: (controller: SimController) => void;
}

/** A controller's place: the process while it lives, and its doors while it leads. */
export class SimController {
  readonly name: string;
  process: Process | undefined;
  doors: Doors | undefined;
  wallOffset = 0;
  readonly #deps: ControllerDeps;
  #lives = 0;
  #close: (() => Promise<void>) | undefined;

  constructor(name: string, deps: ControllerDeps) {
    this.name = name;
    this.#deps = deps;
  }

  start(): void {
    if (this.process) return;
    const process = new Process(this.#deps.world, this.name, ++this.#lives, this.wallOffset, () =>
      this.#die(),
    );
    this.process = process;
    this.#begin(process).catch((error: unknown) => {
      this.#deps.log.error('a controller could not start', { error: String(error) });
      if (process.alive) this.#die();
    });
  }

  /** Ends at once, as by SIGKILL. */
  crash(): void {
    if (!this.process) return;
    this.process.kill();
    this.process = undefined;
    this.doors = undefined;
    this.#close = undefined;
    this.#deps.wire.reset(this.name);
  }

  /** Ends as by SIGTERM: the lead is given up. Resolves once it has ended. */
  async stop(): Promise<void> {
    const [process, close] = [this.process, this.#close];
    await close?.();
    if (process?.alive) this.crash();
  }

  #die(): void {
    this.crash();
    this.#deps.onCrash(this);
  }

  async #begin(process: Process): Promise<void> {
    const { etcd, wire, faults, silenceMs, reconcilers, without } = this.#deps;
    const log = this.#deps.log.with({ controller: this.name });
    const client = new EtcdDoor(etcd, wire, process, faults).api();
    const base = { clock: process.clock, random: process.random, log };
    const election = new Election({ ...base, client, prefix, id: process.newId() });
    const store = await openStore(new EtcdLog({ ...base, client, prefix }), {
      ...base,
      ...(!without.includes('fence') && { fence: election }),
    });
    if (without.includes('fenced read')) store.fenced = () => Promise.resolve({ ok: true, revision: 0 });
    const begin = (): ReturnType<typeof startTerm> =>
      startTerm({
        ...base,
        store,
        reconcilers,
        silenceMs,
        newId: process.newId,
        leads: () => without.includes('lease at the doors') || election.current() !== undefined,
        images,
        credentials: memoryCredentials(),
        vault,
        usage: noUsage,
        agentNats: '',
        version: 'simulated',
        serve: (doors) => this.#serve(process, doors),
      });
    const leading = leadWhenElected({
      ...base,
      election,
      store: without.includes('catching up') ? atOnce : store,
      begin,
      fatal: (error) => {
        log.error('the controller cannot lead', { error: String(error) });
        if (process.alive) this.#die();
      },
    });
    this.#close = async () => {
      await leading.close();
      await election.resign();
      await store.close();
    };
  }

  #serve(process: Process, doors: Doors): Promise<() => void> {
    if (!process.alive) return new Promise(() => undefined);
    if (this.doors) throw new GantryError('invalid', `${this.name} cannot listen: its address is in use`);
    this.doors = doors;
    return Promise.resolve(() => {
      if (!process.alive) return;
      this.doors = undefined;
      this.#deps.wire.reset(this.name, 'incoming');
    });
  }
}

/** Every image is there, and its bytes are named by its reference. */
const images: ImageStore = {
  resolve: (ref) =>
    Promise.resolve({
      ref,
      digest: `sha256:${Buffer.from(ref).toString('hex').padEnd(64, '0')}`,
      source: 'loaded',
    }),
  load: () => Promise.reject(new GantryError('invalid', 'the simulator loads no images')),
  list: () => [],
  inspect: () => Promise.reject(new GantryError('not_found', 'the simulator has no layers')),
  remove: () => Promise.reject(new GantryError('not_found', 'the simulator has no layers')),
  prune: () => Promise.resolve({ images: [], freedBytes: 0 }),
  readBlob: () => Promise.reject(new GantryError('not_found', 'the simulator has no layers')),
};

/** A store that is said to have caught up whatever it shows. */
const atOnce = { reached: () => Promise.resolve() };

/** The controllers of a simulated cluster share their key. */
export const vault = new SealedVault(new KeysInMemory(Buffer.alloc(32, 'simulated')));

const noUsage: Pick<UsageBoard, 'current'> = { current: () => [] };
