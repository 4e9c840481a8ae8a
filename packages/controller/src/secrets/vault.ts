import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { GantryError } from '@gantry/kit/errors';
import { versionId, type Payload } from '@gantry/model/content';
import type { KeyRing, SecretKey } from './keys.ts';

/** A secret as the store may hold it. */
export type Sealed = Required<Pick<Payload, 'data' | 'keyId'>>;

/** Seals secrets before they are stored, and opens them for the tasks that have them. */
export interface Vault {
  /**
   * `firstOfCluster`: the store holds no secret yet, so that a key may be made. Throws `not_allowed`, in words, without a key.
   */
  seal(name: string, number: number, value: Uint8Array, firstOfCluster: boolean): Sealed;
  /** Throws `not_allowed` without its key, `internal` for one that was changed or put under another name. */
  open(payload: Pick<Payload, 'name' | 'number' | 'data' | 'keyId'>): Buffer;
}

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM: nonce, what is sealed, tag. Name and version are sealed in, so that none can stand for another. */
export class SealedVault implements Vault {
  readonly #keys: KeyRing;

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  seal(name: string, number: number, value: Uint8Array, firstOfCluster: boolean): Sealed {
    const [key = this.#make(firstOfCluster)] = this.#keys.all();
    const nonce = randomBytes(nonceBytes);
    const seal = createCipheriv(cipher, key.bytes, nonce).setAAD(placeOf(name, number));
    const sealed = Buffer.concat([nonce, seal.update(value), seal.final(), seal.getAuthTag()]);
    return { keyId: key.id, data: sealed.toString('base64') };
  }

  open({ name, number, data, keyId }: Pick<Payload, 'name' | 'number' | 'data' | 'keyId'>): Buffer {
    const key = this.#keys.all().find(({ id }) => id === keyId);
    const what = `secret ${versionId(name, number)}`;
    if (!key)
      throw new GantryError(
        'not_allowed',
        `${what} is sealed with key ${keyId ?? ''}, which is not in ${this.#keys.place} of this controller`,
        { hint: 'another controller may have it: copy the file' },
      );
    const bytes = Buffer.from(data, 'base64');
    try {
      const nonce = bytes.subarray(0, nonceBytes);
      const open = createDecipheriv(cipher, key.bytes, nonce, { authTagLength: tagBytes })
        .setAAD(placeOf(name, number))
        .setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([open.update(bytes.subarray(nonceBytes, -tagBytes)), open.final()]);
    } catch {
      // What the cipher says of it helps nobody.
      throw new GantryError('internal', `${what} was changed in the store and cannot be opened`, {
        hint: 'give it anew: apply its file, or `gantry secret create`',
      });
    }
  }

  /** Where secrets are, their key is: a second one would only hide that the first is missing. */
  #make(firstOfCluster: boolean): SecretKey {
    if (firstOfCluster) return this.#keys.make();
    throw new GantryError(
      'not_allowed',
      'this controller lacks the key that the secrets of the cluster are sealed with',
      {
        hint: `copy it from another controller to ${this.#keys.place}`,
      },
    );
  }
}

function placeOf(name: string, number: number): Buffer {
  return Buffer.from(`gantry secret ${versionId(name, number)}`);
}
