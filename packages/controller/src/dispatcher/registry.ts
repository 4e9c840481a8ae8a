import { GantryError } from '@gantry/kit/errors';
import type { Clock } from '@gantry/kit/clock';
import { waitsOf } from '@gantry/model/fence';
import { namePattern, type NodeId } from '@gantry/model/ids';
import type { Node, NodeDescription, NodeNetwork } from '@gantry/model/node';
import { same } from '@gantry/model/spec-change';
import type { HeldVolumes } from '@gantry/model/volume';
import type { Store, Write } from '../store/store.ts';

/** Writes of other parts may come between; looking again settles it. */
const maxAttempts = 8;

export interface RegistryLimits {
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
  /** Writes of one commit. */
  readonly maxWrites: number;
}

/** What the dispatcher writes of nodes: that they exist, what they are, since when they are silent. */
export class NodeRegistry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #limits: RegistryLimits;

  constructor(store: Store, clock: Clock, limits: RegistryLimits) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * The node is here, with these volumes (undefined: those that are known). Throws `conflict` if another one that is not
   * down has its name.
   */
  async register(
    id: string,
    name: string,
    description: NodeDescription,
    volumes?: HeldVolumes,
    network?: NodeNetwork,
  ): Promise<void> {
    if (!namePattern.test(name)) throw new GantryError('invalid', `"${name}" is not a name for a host`);
    await this.#commit(() => {
      const view = this.#store.view();
      const namesake = view.nodeNamed(name);
      if (namesake && namesake.id !== id && namesake.state !== 'down') {
        throw new GantryError('conflict', `another host is named ${name}`, {
          hint: 'start the agent with another --name',
        });
      }
      if (namesake && namesake.id !== id && this.#holdsUnseen(namesake)) {
        throw new GantryError(
          'conflict',
          `${name}, which is cut off, may still run tasks that must not run twice`,
          {
            hint: 'wait a minute: it stops them by itself',
          },
        );
      }
      const gone: Write[] =
        namesake && namesake.id !== id
          ? [{ op: 'delete', kind: 'node', id: namesake.id, version: namesake.version }]
          : [];
      const known = view.get('node', id);
      const now = known ? heard(known, name, description) : this.#create(id, name, description);
      const told = { ...now, ...(network && { network }) };
      return [...gone, ...changed(known, volumes ? withVolumes(told, volumes) : told)];
    });
  }

  /** The nodes have not been heard for so long, ms, or are heard again (0): as `silentMs` says at the moment of writing. */
  async setSilence(ids: readonly NodeId[], silentMs: (id: NodeId) => number): Promise<void> {
    const { maxWrites } = this.#limits;
    for (let from = 0; from < ids.length; from += maxWrites) {
      const some = ids.slice(from, from + maxWrites);
      await this.#commit(() => some.flatMap((id) => this.#silenceWrite(id, silentMs(id))));
    }
  }

  #silenceWrite(id: NodeId, silentMs: number): readonly Write[] {
    const node = this.#store.view().get('node', id);
    if (!node || silentMs > 0 === (node.silentSince !== undefined)) return [];
    const { silentSince: _silentSince, unheardMs: _unheardMs, ...rest } = node;
    const object = silentMs > 0 ? { ...rest, silentSince: this.#clock.now() - silentMs } : rest;
    return [{ op: 'put', object }];
  }

  /** The node has surely not been heard for so long, as `silence` says at the moment of writing. */
  async setUnheard(id: string, unheardMs: number, silence: () => number): Promise<void> {
    await this.#commit(() => {
      const node = this.#store.view().get('node', id);
      const known = node?.silentSince === undefined || (node.unheardMs ?? 0) >= unheardMs;
      return known || silence() < unheardMs ? [] : [{ op: 'put', object: { ...node, unheardMs } }];
    });
  }

  /** What the node says of its disk (empty: all is well) and of its network. Written only when it changes. */
  async setCondition(id: string, pressure: string, network: NodeNetwork | undefined): Promise<void> {
    const wanted = (node: Node): Node => {
      const { pressure: _pressure, ...rest } = node;
      return { ...rest, ...(pressure !== '' && { pressure }), ...(network && { network }) };
    };
    const known = this.#store.view().get('node', id);
    // Asked with every heartbeat: only what it may change is compared.
    if (!known || ((known.pressure ?? '') === pressure && (!network || same(known.network, network)))) return;
    await this.#commit(() => {
      const node = this.#store.view().get('node', id);
      return node ? changed(node, wanted(node)) : [];
    });
  }

  /** A volume of the node came or went. */
  async setVolumes(id: string, volumes: HeldVolumes): Promise<void> {
    await this.#commit(() => {
      const node = this.#store.view().get('node', id);
      return node ? changed(node, withVolumes(node, volumes)) : [];
    });
  }

  /** True if the node may still run a task that must never run twice. */
  #holdsUnseen({ id, unheardMs = 0 }: Node): boolean {
    const view = this.#store.view();
    const waits = waitsOf(
      view.tasksOnNode(id),
      (revision) => view.get('revision', revision),
      this.#limits.fenceMs,
    );
    return waits.some((wait) => wait > unheardMs);
  }

  #create(id: string, name: string, description: NodeDescription): Node {
    return {
      kind: 'node',
      id,
      version: 0,
      name,
      availability: 'active',
      labels: {},
      description,
      state: 'unknown',
      stateReason: 'it has just registered',
      createdAt: this.#clock.now(),
    };
  }

  async #commit(decide: () => readonly Write[]): Promise<void> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const result = await this.#store.commit(decide());
      if (result.ok) return;
      if (result.why === 'not_leader') throw new GantryError('not_leader', 'this controller does not lead');
      if (result.why === 'unavailable') throw new GantryError('unreachable', `etcd: ${result.message}`);
    }
    throw new GantryError('internal', 'a write of a node met other writes again and again');
  }
}

function heard(node: Node, name: string, description: NodeDescription): Node {
  const { silentSince: _silentSince, unheardMs: _unheardMs, ...rest } = node;
  return { ...rest, name, description };
}

function withVolumes(node: Node, volumes: HeldVolumes): Node {
  const { volumes: _volumes, ...rest } = node;
  return volumes.held.length === 0 ? rest : { ...rest, volumes };
}

function changed(before: Node | undefined, after: Node): readonly Write[] {
  return before && same(before, after) ? [] : [{ op: 'put', object: after }];
}
