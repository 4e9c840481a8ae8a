import type { ResolvedImage } from '@gantry/model/service';
import { GantryError } from '@gantry/kit/errors';
import type { ImageConfig, Images, Rootfs } from './images.ts';

/** Images in memory: every image is there, but those whose reference says otherwise (`absent…`, `unreachable…`). */
export class FakeImages implements Images {
  readonly roots = new Set<string>();

  ensure({ ref }: ResolvedImage, _signal: AbortSignal): Promise<ImageConfig> {
    if (ref.startsWith('absent'))
      throw new GantryError('image_not_found', `image ${ref}: the registry has no such image`);
    if (ref.startsWith('unreachable'))
      throw new GantryError('unreachable', `image ${ref}: the registry cannot be reached`);
    return Promise.resolve({
      entrypoint: [],
      command: ['/bin/run'],
      env: [],
      workingDir: '/',
      user: '',
      exposedPorts: [],
    });
  }

  mount(containerId: string): Promise<Rootfs> {
    this.roots.add(containerId);
    return Promise.resolve({ path: `/roots/${containerId}` });
  }

  unmount(containerId: string): Promise<void> {
    this.roots.delete(containerId);
    return Promise.resolve();
  }

  mounted(): Promise<readonly string[]> {
    return Promise.resolve([...this.roots]);
  }
}
