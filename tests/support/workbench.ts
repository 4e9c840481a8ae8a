import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { digestOf } from './tars.ts';
import { openJail, type Jail } from '../../packages/agent/src/images/layer/jail.ts';
import type { LayerLimits } from '../../packages/agent/src/images/layer/rules.ts';
import { layerName, unpackLayer } from '../../packages/agent/src/images/unpack.ts';

export interface Wish {
  readonly compressed?: Buffer;
  readonly diffId?: string;
  readonly limits?: LayerLimits;
  readonly signal?: AbortSignal;
}

/** A place to unpack layers in, for tests. */
export class Workbench {
  readonly work = mkdtempSync(join(tmpdir(), 'gantry-unpack-'));
  readonly layers = join(this.work, 'layers');
  readonly jail: Promise<Jail>;
  #count = 0;

  constructor() {
    mkdirSync(this.layers);
    this.jail = openJail(exec, join(this.work, 'tools'));
  }

  close(): void {
    rmSync(this.work, { recursive: true });
  }

  /** Unpacks an archive; answers with the directory it went to. Whatever comes of it, nothing unfinished is left. */
  async unpack(bytes: Buffer, wish: Wish = {}): Promise<string> {
    const path = join(this.work, `blob-${this.#count++}`);
    writeFileSync(path, wish.compressed ?? bytes);
    const diffId = wish.diffId ?? digestOf(bytes);
    try {
      const deps = { jail: await this.jail, dir: this.layers, ...(wish.limits && { limits: wish.limits }) };
      await unpackLayer(deps, { path, diffId }, wish.signal ?? new AbortController().signal);
    } finally {
      rmSync(path);
      expect(readdirSync(this.layers).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
    return join(this.layers, layerName(diffId));
  }
}
