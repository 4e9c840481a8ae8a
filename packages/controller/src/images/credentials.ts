import { readFile, rename, writeFile } from 'node:fs/promises';
import type { RegistryCredential } from '@gantry/model/registry';

/**
 * What users gave for registries, by the stack they deployed. Kept out of the store and in one file that only root reads;
 * hosts ask for what they need when they pull.
 */
export interface CredentialStore {
  /** Remembers these for a stack; what was given before for other registries stays. Forgets stacks that are gone. */
  put(stack: string, credentials: readonly RegistryCredential[], stacks: ReadonlySet<string>): Promise<void>;
  find(stack: string, registry: string): RegistryCredential | undefined;
}

export async function openCredentials(file: string): Promise<CredentialStore> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  return new Credentials(readTable(text), async (table) => {
    await writeFile(`${file}.tmp`, table, { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  });
}

/** Credentials that end with their process: for tests. */
export function memoryCredentials(): CredentialStore {
  return new Credentials(new Map(), () => Promise.resolve());
}

type Table = ReadonlyMap<string, readonly RegistryCredential[]>;

class Credentials implements CredentialStore {
  #byStack: Table;
  readonly #save: (table: string) => Promise<void>;
  #writing: Promise<void> = Promise.resolve();

  constructor(byStack: Table, save: (table: string) => Promise<void>) {
    this.#byStack = byStack;
    this.#save = save;
  }

  find(stack: string, registry: string): RegistryCredential | undefined {
    return this.#byStack.get(stack)?.find((one) => one.registry === registry);
  }

  put(stack: string, credentials: readonly RegistryCredential[], stacks: ReadonlySet<string>): Promise<void> {
    const left = [...this.#byStack].filter(([name]) => stacks.has(name) || name === stack);
    const fresh = new Set(credentials.map(({ registry }) => registry));
    const kept = (this.#byStack.get(stack) ?? []).filter(({ registry }) => !fresh.has(registry));
    const next = new Map([...left, [stack, [...kept, ...credentials]] as const]);
    if (JSON.stringify([...next]) === JSON.stringify([...this.#byStack])) return this.#writing;
    this.#byStack = next;
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#save(this.#text()));
    return this.#writing;
  }

  #text(): string {
    return JSON.stringify(Object.fromEntries([...this.#byStack].filter(([, given]) => given.length > 0)));
  }
}

/** A file that cannot be read counts as empty: the next deploy gives them again. */
function readTable(text: string): Table {
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, readonly RegistryCredential[]>));
  } catch {
    return new Map();
  }
}
