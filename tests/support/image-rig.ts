import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@gantry/kit/clock';
import { exec } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import type { ResolvedImage } from '@gantry/model/service';
import type { ImageConfig } from '../../packages/agent/src/images/images.ts';
import {
  createImages,
  type ImagesDeps,
  type NodeImages,
} from '../../packages/agent/src/images/node-images.ts';
import { build, push, startProxy, startRegistry, type Proxy, type Registry } from './registry.ts';
import { archive, dir, file } from './tars.ts';

/** The layers of the image that the registry has. */
export const base = archive(dir('bin/'), file('bin/run', 'base '.repeat(10_000)));
export const top = archive(file('top', 'top '.repeat(50_000)));
export const hello = build({ layers: [base, top], config: { Cmd: ['/bin/run'], User: 'nobody' } });
/** The same layers as the registry sends them. */
export const [, baseBlob = Buffer.alloc(0), topBlob = Buffer.alloc(0)] = hello.blobs;

/** The hello image, or another one, of a registry. */
export function helloAt(host: string, digest = hello.digest, name = 'hello'): ResolvedImage {
  return { ref: `${host}/${name}:1`, digest, source: 'registry' };
}

/** A registry with the hello image, a proxy before it that can meddle, and a host's images, anew for each test. */
export class ImageRig {
  readonly open: Registry;
  readonly proxy: Proxy;
  stateDir = '';
  images!: NodeImages;

  private constructor(open: Registry, proxy: Proxy) {
    this.open = open;
    this.proxy = proxy;
  }

  static async start(): Promise<ImageRig> {
    const open = await startRegistry();
    await push(open.host, 'hello', '1', hello);
    return new ImageRig(open, await startProxy(open.host));
  }

  async stop(): Promise<void> {
    await Promise.all([this.open.stop(), this.proxy.stop()]);
  }

  /** A host without any image, and a proxy that has seen nothing. */
  async fresh(): Promise<void> {
    this.stateDir = mkdtempSync(join(tmpdir(), 'gantry-images-'));
    this.images = await this.openImages();
    this.proxy.meddle = () => false;
    this.proxy.seen.length = 0;
  }

  clear(): void {
    rmSync(this.stateDir, { recursive: true });
  }

  openImages(more: Partial<ImagesDeps> = {}): Promise<NodeImages> {
    return createImages({
      stateDir: this.stateDir,
      exec,
      clock: systemClock,
      insecureRegistries: [],
      arch: 'amd64',
      log: silentLogger,
      fetchBlob: () => {
        throw new Error('no image is loaded');
      },
      credential: () => Promise.resolve(undefined),
      ...more,
    });
  }

  /** Makes an image present, with all the time it takes. */
  ensure(image: ResolvedImage, from = this.images): Promise<ImageConfig> {
    return from.ensure(image, new AbortController().signal);
  }

  /** What is in a directory of the images. */
  names(path: string): readonly string[] {
    return readdirSync(join(this.stateDir, 'images', path)).sort();
  }

  /** Paths of the blobs that the proxy was asked for. */
  blobRequests(): readonly string[] {
    return this.proxy.seen.map(({ url }) => url).filter((url) => url.includes('/blobs/'));
  }
}
