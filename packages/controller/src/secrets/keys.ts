import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { GantryError } from '@gantry/kit/errors';

/** A key that secrets are sealed with. */
export interface SecretKey {
  /** Tells which key it is, and nothing of it. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

/** The keys of a controller. */
export interface KeyRing {
  /** Where they are, for words. */
  readonly place: string;
  /** The first seals, each opens. None: there is no key yet. Throws `not_allowed`, in words, for what is no sound file of keys. */
  all(): readonly SecretKey[];
  /** Makes the first key. */
  make(): SecretKey;
}

const keyBytes = 32;

/**
 * Keys in a file that only its owner reads, one a line in base64. It is read at each use: an operator mends it, or puts a new
 * key before the old one, while the controller runs.
 */
export class KeyFile implements KeyRing {
  readonly place: string;

  constructor(path: string) {
    this.place = path;
  }

  all(): readonly SecretKey[] {
    const text = this.#read();
    if (text === undefined) return [];
    const lines = text.split('\n').map((line) => line.trim());
    const keys = lines.filter((line) => line !== '' && !line.startsWith('#')).map(keyOf);
    const sound = keys.filter((key) => key !== undefined);
    if (sound.length === keys.length && keys.length > 0) return sound;
    throw this.#unsound('holds no keys of 32 bytes in base64, one a line');
  }

  make(): SecretKey {
    const bytes = randomBytes(keyBytes);
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = openSync(this.place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o400);
    try {
      writeSync(fd, `${bytes.toString('base64')}\n`);
      fchmodSync(fd, 0o400);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return secretKey(bytes);
  }

  #read(): string | undefined {
    try {
      if ((statSync(this.place).mode & 0o077) !== 0)
        throw this.#unsound('can be read by others than its owner');
      return readFileSync(this.place, 'utf8');
    } catch (error) {
      if (error instanceof GantryError) throw error;
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw this.#unsound('cannot be read');
    }
  }

  #unsound(how: string): GantryError {
    return new GantryError('not_allowed', `the key file for secrets, ${this.place}, ${how}`, {
      hint: 'see `gantry controller --secret-key-file`; it should be of mode 0400',
    });
  }
}

/** Keys that end with their process: for tests and the simulator. */
export class KeysInMemory implements KeyRing {
  readonly place = 'memory';
  readonly #keys: SecretKey[];

  constructor(...keys: readonly Buffer[]) {
    this.#keys = keys.map(secretKey);
  }

  all(): readonly SecretKey[] {
    return this.#keys;
  }

  make(): SecretKey {
    const key = secretKey(randomBytes(keyBytes));
    this.#keys.unshift(key);
    return key;
  }
}

function keyOf(line: string): SecretKey | undefined {
  const bytes = Buffer.from(line, 'base64');
  return bytes.length === keyBytes ? secretKey(bytes) : undefined;
}

function secretKey(bytes: Buffer): SecretKey {
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 12), bytes };
}
