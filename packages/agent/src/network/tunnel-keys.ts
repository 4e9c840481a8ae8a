import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OwnKey } from './plan/wireguard.ts';

/** The keys of this host's encrypted tunnel, a file each that only root may read. No private key ever leaves the host. */
export class TunnelKeys {
  readonly #dir: string;
  readonly #now: () => number;
  #keys: readonly OwnKey[] = [];

  constructor(dir: string, now: () => number) {
    this.#dir = dir;
    this.#now = now;
  }

  /** Newest first; there is always one. */
  get all(): readonly OwnKey[] {
    return this.#keys;
  }

  /** Reads what is there; makes the first key. A file that cannot be read is no key: the host makes a newer one. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.#dir)).filter((name) => /^key-\d+\.json$/.test(name));
    const read = await Promise.all(names.map((name) => readKey(join(this.#dir, name))));
    this.#keys = read.flatMap((key) => key ?? []).sort((a, b) => b.generation - a.generation);
    const last = Math.max(0, ...names.map((name) => Number(/\d+/.exec(name)?.[0])));
    if (this.#keys.length === 0) await this.#make(last + 1);
  }

  /** A key of the next generation beside those that are there. */
  async add(): Promise<OwnKey> {
    return this.#make((this.#keys[0]?.generation ?? 0) + 1);
  }

  async drop(key: OwnKey): Promise<void> {
    this.#keys = this.#keys.filter((one) => one !== key);
    await rm(this.#file(key.generation), { force: true });
  }

  async #make(generation: number): Promise<OwnKey> {
    const { x, d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
    const key = { generation, publicKey: base64(x), privateKey: base64(d), createdAt: this.#now() };
    const file = this.#file(generation);
    await writeFile(`${file}.tmp`, JSON.stringify(key), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    this.#keys = [key, ...this.#keys];
    return key;
  }

  #file(generation: number): string {
    return join(this.#dir, `key-${generation}.json`);
  }
}

function base64(url = ''): string {
  return Buffer.from(url, 'base64url').toString('base64');
}

async function readKey(file: string): Promise<OwnKey | undefined> {
  try {
    const key = JSON.parse(await readFile(file, 'utf8')) as OwnKey;
    return [key.publicKey, key.privateKey].every((text) => /^[A-Za-z0-9+/]{43}=$/.test(text))
      ? key
      : undefined;
  } catch {
    return undefined;
  }
}
