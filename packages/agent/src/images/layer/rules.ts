import { refuse, shown, type Entry } from './entry.ts';

/** How much one layer may hold. */
export interface LayerLimits {
  readonly maxEntries: number;
  /** Of the uncompressed archive, and of all files with their holes. */
  readonly maxBytes: number;
  /** All names together are kept in memory while a layer is unpacked. */
  readonly maxNameBytes: number;
  /** A layer may be this many times larger than its compressed form, beyond `ratioFreeBytes`. */
  readonly maxRatio: number;
  readonly ratioFreeBytes: number;
}

export const defaultLimits: LayerLimits = {
  maxEntries: 1_000_000,
  maxBytes: 64 * 2 ** 30,
  maxNameBytes: 128 << 20,
  maxRatio: 200,
  ratioFreeBytes: 1 << 30,
};

/** What to do with an entry: what to write, and whether the entry's content follows the last of it. */
export interface Verdict {
  readonly write: readonly Entry[];
  readonly content: boolean;
}

const nothing: Verdict = { write: [], content: false };
/** PATH_MAX and NAME_MAX of Linux. */
const maxPathBytes = 4_095;
const maxComponentBytes = 255;
const opaque = 'trusted.overlay.opaque';

/** A directory is kept whole: it may have to be written again, as opaque. */
type Seen = 'symlink' | 'other' | Entry;

/**
 * The rules of a layer, entry by entry: names stay inside and never go through a symlink of the layer; devices are left
 * out; whiteouts (image-spec layer.md) become overlayfs's own, and never hide what stands in the same layer.
 */
export class LayerRules {
  readonly #limits: LayerLimits;
  readonly #seen = new Map<string, Seen>();
  /** Directories that hide those of layers below. */
  readonly #opaque = new Set<string>();
  #entries = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(limits: LayerLimits) {
    this.#limits = limits;
  }

  judge(entry: Entry): Verdict {
    this.#count(entry);
    const parts = this.#partsOf(entry.name);
    const base = parts.at(-1) ?? '';
    if (base.startsWith('.wh.')) return this.#whiteout(parts.slice(0, -1), base);
    const path = parts.join('/');
    switch (entry.kind) {
      case 'char':
      case 'block':
        return nothing; // devices come from the runtime, never from an image
      case 'dir':
        return this.#directory({ ...entry, name: path });
      case 'link':
        return this.#link(entry, path);
      case 'symlink':
        if (entry.linkName.length > maxPathBytes || entry.linkName === '' || entry.linkName.includes('\0'))
          refuse(`the target of the symlink ${shown(entry.name)} is not a path`);
        return this.#pass(entry, path, 'symlink');
      case 'file':
      case 'fifo':
        return this.#pass(entry, path, 'other');
    }
  }

  #count({ name, linkName, size, sparse }: Entry): void {
    const { maxEntries, maxBytes, maxNameBytes } = this.#limits;
    if (++this.#entries > maxEntries) refuse(`a layer has more than ${maxEntries} entries`);
    this.#bytes += Math.max(size, sparse?.realSize ?? 0);
    if (this.#bytes > maxBytes) refuse(`a layer unpacks to more than ${maxBytes} bytes`);
    this.#nameBytes += name.length + linkName.length;
    if (this.#nameBytes > maxNameBytes) refuse('the names of a layer are too long');
  }

  #pass(entry: Entry, path: string, seen: Seen): Verdict {
    if (path === '') refuse(`${shown(entry.name)} would replace the root of the image`);
    this.#seen.set(path, seen);
    return { write: [{ ...entry, name: path, attributes: kept(entry) }], content: entry.kind === 'file' };
  }

  #directory(entry: Entry): Verdict {
    const attributes = kept(entry);
    if (this.#opaque.has(entry.name)) attributes.set(opaque, 'y');
    const directory = { ...entry, attributes };
    if (entry.name !== '') this.#seen.set(entry.name, directory);
    return { write: [{ ...directory, name: entry.name === '' ? '.' : entry.name }], content: false };
  }

  /** A hard link to a symlink is a second symlink. */
  #link(entry: Entry, path: string): Verdict {
    const target = this.#partsOf(entry.linkName).join('/');
    const seen = this.#seen.get(target);
    if (target === '' || typeof seen === 'object')
      refuse(`${shown(entry.name)} is a hard link to a directory`);
    return this.#pass({ ...entry, linkName: target }, path, seen ?? 'other');
  }

  #whiteout(parent: readonly string[], base: string): Verdict {
    if (base === '.wh..wh..opq') return this.#hideBelow(parent.join('/'));
    if (base.startsWith('.wh..wh.')) return nothing; // aufs's own housekeeping
    const victim = base.slice('.wh.'.length);
    if (['', '.', '..'].includes(victim)) refuse(`${shown([...parent, base].join('/'))} is not a whiteout`);
    const path = [...parent, victim].join('/');
    const seen = this.#seen.get(path);
    this.#opaque.add(path); // a directory of this name may still come in this layer
    if (typeof seen === 'object') return this.#hideBelow(path);
    if (seen !== undefined) return nothing;
    return { write: [{ ...bare(path, 'char'), mode: 0 }], content: false };
  }

  #hideBelow(path: string): Verdict {
    if (path === '') return nothing; // overlayfs cannot hide a whole layer
    this.#opaque.add(path);
    const seen = this.#seen.get(path);
    const directory = typeof seen === 'object' ? seen : bare(path, 'dir');
    const attributes = new Map(directory.attributes).set(opaque, 'y');
    return { write: [{ ...directory, attributes }], content: false };
  }

  /** The components of a name that stays inside, and does not go through a symlink of this layer. */
  #partsOf(name: string): readonly string[] {
    if (name.length > maxPathBytes || name.includes('\0')) refuse('a name is too long, or not a name');
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) refuse(`${shown(name)} leads out of the layer`);
    if (parts.some((part) => part.length > maxComponentBytes)) refuse(`${shown(name)} is too long`);
    let above = '';
    for (const part of parts.slice(0, -1)) {
      above = above === '' ? part : `${above}/${part}`;
      if (this.#seen.get(above) === 'symlink')
        refuse(`${shown(name)} goes through the symlink ${shown(above)}`);
    }
    return parts;
  }
}

/** Attributes that an image may give: what overlayfs or the kernel's security modules read is not its to say. */
function kept({ attributes }: Entry): Map<string, string> {
  const wanted = [...attributes].filter(
    ([key]) => key === 'security.capability' || (key.startsWith('user.') && !key.startsWith('user.overlay.')),
  );
  return new Map(wanted);
}

function bare(name: string, kind: 'char' | 'dir'): Entry {
  return {
    name,
    kind,
    linkName: '',
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: '0',
    size: 0,
    attributes: new Map(),
  };
}
