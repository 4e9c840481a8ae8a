import { backoffMs, jitter } from '@gantry/kit/backoff';
import { sleep, type Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Random } from '@gantry/kit/random';
import type { Logger } from '@gantry/kit/log';
import type { ICompare, IKeyValue, IRequestOp } from 'etcd3';
import { prefixEnd, type EtcdApi } from './etcd-client.ts';
import { EtcdWatch } from './etcd-watch.ts';
import type { Compare, Entry, Log, Operation, TxnResult, Watcher } from './log.ts';

export interface EtcdLogDeps {
  readonly client: EtcdApi;
  /** Without a slash at its end, e.g. `/gantry/v1`. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
}

/**
 * Entries a page of a listing. An object is a few hundred bytes; configs and secrets are more, and all of them together fit
 * one answer (`maxAllContentBytes` in base64, against 64 MiB that the client takes).
 */
const pageSize = 2_000;

/** The log on etcd, by its low-level clients: one attempt a write, an endless patience for reads. */
export class EtcdLog implements Log {
  readonly #deps: EtcdLogDeps;
  readonly #prefix: Buffer;
  readonly #watches = new Set<EtcdWatch>();

  constructor(deps: EtcdLogDeps) {
    this.#deps = deps;
    this.#prefix = Buffer.from(`${deps.prefix}/`);
  }

  async list(signal: AbortSignal): Promise<{ entries: readonly Entry[]; revision: number }> {
    const { clock, log, random } = this.#deps;
    for (let failures = 1; ; failures++) {
      try {
        return await this.#listOnce();
      } catch (error) {
        log.warn('cannot read from etcd, trying again', { error: String(error), failures });
        await sleep(clock, jitter(backoffMs(failures, 100, 2_000), random()), signal);
      }
      if (signal.aborted) throw new GantryError('cancelled', 'the store was closed while it was read');
    }
  }

  /** All pages at the revision of the first. */
  async #listOnce(): Promise<{ entries: readonly Entry[]; revision: number }> {
    const entries: Entry[] = [];
    const end = prefixEnd(this.#prefix);
    let revision = 0;
    let from = this.#prefix;
    for (;;) {
      const page = await this.#deps.client.kv.range({ key: from, range_end: end, limit: pageSize, revision });
      revision ||= Number(page.header.revision);
      for (const { key, value, mod_revision } of page.kvs) {
        entries.push({ key: this.#short(key), value: value.toString('utf8'), version: Number(mod_revision) });
      }
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { entries, revision };
      from = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }

  async txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    const keys = operations.map(({ key }) => this.#long(key));
    const guards = [
      ...compares.map(({ key, createdAt }) => created(this.#long(key), createdAt)),
      ...operations.flatMap(({ version }, index) => guardOf(keys[index] as Buffer, version)),
    ];
    try {
      const result = await this.#deps.client.kv.txn({
        compare: guards,
        success: operations.map((operation, index) => requestOf(operation, keys[index] as Buffer)),
        // What did not hold: the keys as they are, so that a lost lead is told from a conflict.
        failure: guards.map(({ key }) => ({ request_range: { key, keys_only: true } })),
      });
      const revision = Number(result.header.revision);
      if (result.succeeded) return { outcome: 'committed', revision };
      const failed = guards.filter(
        (guard, index) => !holds(guard, result.responses[index]?.response_range.kvs[0]),
      );
      return { outcome: 'refused', revision, failed: failed.map(({ key }) => this.#short(key)) };
    } catch (error) {
      return { outcome: 'unknown', message: error instanceof Error ? error.message : String(error) };
    }
  }

  watch(revision: number, watcher: Watcher): () => void {
    const watch = new EtcdWatch(
      { ...this.#deps, range: this.#prefix, short: (key) => this.#short(key) },
      watcher,
    );
    this.#watches.add(watch);
    watch.start(revision);
    return () => {
      watch.stop();
      this.#watches.delete(watch);
    };
  }

  close(): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
    return Promise.resolve();
  }

  #long(key: string): Buffer {
    return Buffer.from(`${this.#deps.prefix}/${key}`);
  }

  #short(key: Buffer): string {
    return key.subarray(this.#prefix.length).toString('utf8');
  }
}

type Guard = ICompare & { readonly key: Buffer };

function created(key: Buffer, createdAt: number): Guard {
  return { key, target: 'Create', result: 'Equal', create_revision: createdAt };
}

function guardOf(key: Buffer, version: number | undefined): readonly Guard[] {
  return version === undefined ? [] : [{ key, target: 'Mod', result: 'Equal', mod_revision: version }];
}

function holds({ target, create_revision, mod_revision }: Guard, found: IKeyValue | undefined): boolean {
  return target === 'Create'
    ? Number(found?.create_revision ?? 0) === create_revision
    : Number(found?.mod_revision ?? 0) === mod_revision;
}

function requestOf(operation: Operation, key: Buffer): IRequestOp {
  return operation.op === 'put'
    ? { request_put: { key, value: Buffer.from(String(operation.value)) } }
    : { request_delete_range: { key } };
}
