import { GantryError } from '@gantry/kit/errors';
import {
  contentNamePattern,
  maxAllContentBytes,
  newestOf,
  payloadId,
  valueProblem,
  versionId,
  type ContentKind,
  type ContentVersion,
  type Payload,
} from '@gantry/model/content';
import type { Vault } from '../secrets/vault.ts';
import type { View, Write } from '../store/store.ts';
import { neededVersions } from './content-users.ts';
import { Writer, type WriterDeps } from './writer.ts';

export interface ContentDeps extends WriterDeps {
  readonly vault: Vault;
}

/** The bytes that a config or secret should have. */
export interface GivenContent {
  readonly kind: ContentKind;
  readonly name: string;
  readonly value: Uint8Array;
}

/** An error about one of them, with more said. */
export type Explain = (given: GivenContent, error: unknown) => unknown;

/** Versions by `contentKey`. */
export type Pins = ReadonlyMap<string, number>;

export function contentKey(kind: ContentKind, name: string): string {
  return `${kind} ${name}`;
}

/** Makes the versions of configs and secrets: each has the bytes that it was made with, for ever. */
export class Contents {
  readonly #deps: ContentDeps;
  readonly #writer: Writer;

  constructor(deps: ContentDeps) {
    this.#deps = deps;
    this.#writer = new Writer(deps);
  }

  /**
   * Versions with these bytes; the next one is made where none has them. A commit each, for a request of etcd is small. What
   * is made and then not used by a service is pruned again. `explain` adds to an error what it is about.
   */
  async ensure(given: readonly GivenContent[], stack: string, explain: Explain): Promise<Pins> {
    const pins = new Map<string, number>();
    for (const one of given) {
      const { number } = await this.put(one, stack).catch((error: unknown) => {
        throw explain(one, error);
      });
      pins.set(contentKey(one.kind, one.name), number);
    }
    return pins;
  }

  /** The same without a write: what `ensure` would answer. */
  foresee(view: View, given: readonly GivenContent[], stack: string, explain: Explain): Pins {
    return new Map(
      given.map((one) => {
        try {
          checkGiven(view, one, stack);
        } catch (error) {
          throw explain(one, error);
        }
        return [contentKey(one.kind, one.name), this.#numberFor(view, one, stack).number];
      }),
    );
  }

  /** One of them; of one without a stack only the newest version is looked at, for that is what services take. */
  async put(
    given: GivenContent,
    stack: string | undefined,
  ): Promise<{ readonly number: number; readonly made: boolean }> {
    const [answer] = await this.#writer.commit((view) => {
      checkGiven(view, given, stack);
      const found = this.#numberFor(view, given, stack);
      const writes = found.made ? this.#writes(view, given, found.number, stack) : [];
      return [{ answer: found, writes }];
    });
    if (!answer) throw new GantryError('internal', 'no version was made');
    return answer;
  }

  /** The bytes of a version. Throws `not_found`, and what the vault throws. */
  read(view: View, version: ContentVersion): Buffer {
    const payload = view.get('payload', payloadId(version));
    if (!payload)
      throw new GantryError('not_found', `${version.kind} ${version.id} has no bytes in the store`);
    return payload.of === 'secret' ? this.#deps.vault.open(payload) : Buffer.from(payload.data, 'base64');
  }

  #numberFor(view: View, given: GivenContent, stack: string | undefined): { number: number; made: boolean } {
    const versions = [...view.versionsOf(given.kind, given.name)].sort((a, b) => b.number - a.number);
    const own = versions.filter((version) => version.stack === stack);
    const looked = stack === undefined ? own.slice(0, 1) : own;
    const known = looked.find((version) => this.#has(view, version, given.value));
    return known
      ? { number: known.number, made: false }
      : { number: (versions[0]?.number ?? 0) + 1, made: true };
  }

  /** One whose key is missing has other bytes, as far as anybody can tell. */
  #has(view: View, version: ContentVersion, value: Uint8Array): boolean {
    if (version.size !== value.length) return false;
    try {
      return this.read(view, version).equals(value);
    } catch {
      return false;
    }
  }

  #writes(
    view: View,
    { kind, name, value }: GivenContent,
    number: number,
    stack: string | undefined,
  ): Write[] {
    checkRoom(view, value.length);
    const version: ContentVersion = {
      kind,
      id: versionId(name, number),
      version: 0,
      name,
      number,
      size: value.length,
      createdAt: this.#deps.clock.now(),
      ...(stack !== undefined && { stack }),
    };
    const kept =
      kind === 'config'
        ? { data: Buffer.from(value).toString('base64') }
        : this.#deps.vault.seal(name, number, value, view.count('secret') === 0);
    const payload: Payload = {
      kind: 'payload',
      id: payloadId(version),
      version: 0,
      of: kind,
      name,
      number,
      ...kept,
    };
    return [version as ContentVersion<'config'>, payload].map((object) => ({ op: 'put', object }));
  }
}

function checkGiven(view: View, { kind, name, value }: GivenContent, stack: string | undefined): void {
  if (!contentNamePattern.test(name))
    throw new GantryError('invalid', `"${name}" is not a name for a ${kind}: use letters, digits, _ . and -`);
  const problem = valueProblem(kind, name, value.length);
  if (problem !== undefined) throw new GantryError('invalid', problem);
  const newest = newestOf(view.versionsOf(kind, name));
  // What nobody needs any more is about to go: it does not hold its name.
  if (!newest || newest.stack === stack) return;
  if (newest.stack !== undefined && neededVersions(view, kind, name).size === 0) return;
  const [whose, hint] =
    newest.stack === undefined
      ? [`was made by hand`, 'write external: true to use it, or give yours another name']
      : [`belongs to stack ${newest.stack}`, 'change it in the file of that stack, or take another name'];
  throw new GantryError('conflict', `${kind} ${name} ${whose}`, { hint });
}

function checkRoom(view: View, more: number): void {
  let total = more;
  for (const kind of ['config', 'secret'] as const) for (const { size } of view.all(kind)) total += size;
  if (total <= maxAllContentBytes) return;
  throw new GantryError(
    'exhausted',
    `configs and secrets would be more than ${maxAllContentBytes >> 20} MiB together`,
    { hint: 'remove what is not needed, or put large files into the image or a volume' },
  );
}
