import { constants } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';

/** open(2): only a reference to the file, no right to read it; Node has no name for it. */
const O_PATH = 0o10000000;
/** As many links as the kernel follows. */
const maxLinks = 40;

/** What to make of a link on the way: follow it inside of the root, as if that were `/`, or refuse it. */
export type Links = 'inside' | 'refuse';

/**
 * A handle on `path` below `root` that cannot lead out of it, whoever changes what is below meanwhile: each part is opened
 * from the one before, and never through a link. Undefined if it is not there. The caller closes it.
 */
export async function openBelow(root: string, path: string, links: Links): Promise<FileHandle | undefined> {
  const base = await open(root, O_PATH | constants.O_DIRECTORY);
  const walk = new Walk(base, links);
  try {
    for (const part of partsOf(path).reverse()) walk.todo.push(part);
    return await walk.toEnd();
  } finally {
    await walk.close();
  }
}

/** The path by which other processes reach what a handle of ours is open on, without a walk that could be led astray. */
export function pathOf(handle: FileHandle): string {
  return `/proc/${process.pid}/fd/${handle.fd}`;
}

class Walk {
  /** What is left of the path, the next part last. */
  readonly todo: string[] = [];
  /** Handles from the root down to where we are. */
  readonly #at: FileHandle[];
  readonly #links: Links;
  #followed = 0;

  constructor(base: FileHandle, links: Links) {
    this.#at = [base];
    this.#links = links;
  }

  async toEnd(): Promise<FileHandle | undefined> {
    for (let part = this.todo.pop(); part !== undefined; part = this.todo.pop()) {
      if (!(await this.#step(part))) return undefined;
    }
    return this.#at.pop();
  }

  async close(): Promise<void> {
    await Promise.all(this.#at.map((handle) => handle.close()));
  }

  async #step(part: string): Promise<boolean> {
    if (part === '..') {
      // Above the root is the root itself.
      if (this.#at.length > 1) await this.#at.pop()?.close();
      return true;
    }
    const parent = this.#at.at(-1);
    if (!parent) return false;
    const path = join(`/proc/self/fd/${parent.fd}`, part);
    const next = await open(path, O_PATH | constants.O_NOFOLLOW).catch(notThere);
    if (!next) return false;
    if (!(await next.stat()).isSymbolicLink()) {
      this.#at.push(next);
      return true;
    }
    await next.close();
    await this.#follow(path, part);
    return true;
  }

  async #follow(path: string, part: string): Promise<void> {
    if (this.#links === 'refuse' || ++this.#followed > maxLinks) {
      throw new GantryError('not_allowed', `${part} is a link, and would lead away`, {
        hint: 'name the directory itself',
      });
    }
    const target = await readlink(path);
    if (target.startsWith('/')) await Promise.all(this.#at.splice(1).map((handle) => handle.close()));
    for (const next of partsOf(target).reverse()) this.todo.push(next);
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function notThere(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))) return;
  throw error;
}
