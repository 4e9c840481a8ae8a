import { GantryError } from '@gantry/kit/errors';
import { waitsOf } from '@gantry/model/fence';
import type { Node } from '@gantry/model/node';
import { isTerminal } from '@gantry/model/task';
import type { View } from '../store/store.ts';
import { nodeNamed } from './names.ts';
import { Writer, type WriterDeps } from './writer.ts';

const availabilities = ['active', 'pause', 'drain'] as const;

/** What users say of hosts: whether they take tasks, their labels, that they are gone for good. */
export class Nodes {
  readonly #writer: Writer;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly #fenceMs: number;

  constructor(deps: WriterDeps & { readonly fenceMs: number }) {
    this.#writer = new Writer(deps);
    this.#fenceMs = deps.fenceMs;
  }

  setAvailability(names: readonly string[], word: string): Promise<readonly Node[]> {
    const availability = availabilities.find((known) => known === word);
    if (!availability) throw new GantryError('invalid', `"${word}" is not active, pause or drain`);
    return this.#writer.commit((view) =>
      [...new Set(names.map((name) => nodeNamed(view, name)))].map((node) =>
        changed(node, { ...node, availability }),
      ),
    );
  }

  async label(
    name: string,
    set: Readonly<Record<string, string>>,
    unset: readonly string[],
  ): Promise<Node | undefined> {
    for (const key of [...Object.keys(set), ...unset]) {
      if (!/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/.test(key))
        throw new GantryError('invalid', `"${key}" is not a label`, {
          hint: 'letters, digits, dots and dashes',
        });
    }
    const [node] = await this.#writer.commit((view) => {
      const node = nodeNamed(view, name);
      const kept = Object.entries(node.labels).filter(([key]) => !unset.includes(key));
      return [changed(node, { ...node, labels: { ...Object.fromEntries(kept), ...set } })];
    });
    return node;
  }

  /** The host makes a new key for its encrypted tunnel. Asked again before it has, it makes one only. */
  async rotateKey(name: string): Promise<Node | undefined> {
    const [node] = await this.#writer.commit((view) => {
      const node = nodeNamed(view, name);
      const newest = node.network?.keys[0]?.generation;
      if (newest === undefined) {
        throw new GantryError('conflict', `${node.name} has told no key yet`, {
          hint: 'its agent is older, or has not registered since it was updated',
        });
      }
      return [changed(node, { ...node, keyGeneration: newest + 1 })];
    });
    return node;
  }

  /** The host is forgotten. One that is heard would only come back; one with tasks loses them: both want `force`. */
  async remove(name: string, force: boolean): Promise<void> {
    await this.#writer.commit((view) => {
      const node = nodeNamed(view, name);
      if (!force) refuse(view, node, this.#fenceMs);
      return [
        { answer: undefined, writes: [{ op: 'delete', kind: 'node', id: node.id, version: node.version }] },
      ];
    });
  }
}

function refuse(view: View, node: Node, fenceMs: number): void {
  const held = [...view.tasksOnNode(node.id)].filter(({ status }) => !isTerminal(status.state)).length;
  if (node.state !== 'down' && node.silentSince === undefined) {
    throw new GantryError('conflict', `${node.name} is up${held > 0 ? ` and runs ${held} tasks` : ''}`, {
      hint: `drain it (gantry node drain ${node.name}), stop its agent, then remove it; or --force`,
    });
  }
  const waits = waitsOf(view.tasksOnNode(node.id), (id) => view.get('revision', id), fenceMs);
  if (node.state === 'down' && waits.some((wait) => wait > (node.unheardMs ?? 0))) {
    throw new GantryError(
      'conflict',
      `${node.name} may still run a task that must not run twice (prefer-one)`,
      {
        hint: `wait until it has been silent for ${Math.ceil((waits.at(-1) ?? 0) / 1_000)} s; or --force, if it is surely off`,
      },
    );
  }
  if (held === 0 || node.state === 'down') return;
  throw new GantryError('conflict', `${node.name} is silent, and may still run ${held} tasks`, {
    hint: 'wait until it is down, or --force',
  });
}

function changed(before: Node, after: Node) {
  const same = JSON.stringify(before) === JSON.stringify(after);
  return { answer: after, writes: same ? [] : [{ op: 'put' as const, object: after }] };
}
