import type { Contents, ContentsInput, FetchContent } from './contents.ts';

/** Contents in memory: for unit tests, the simulator and hollow nodes. What is laid out outlives an agent. */
export class FakeContents implements Contents {
  /** Bytes by target, of each task. */
  readonly files = new Map<string, ReadonlyMap<string, Uint8Array>>();
  fetch: FetchContent;

  constructor(fetch: FetchContent = () => Promise.resolve(new Uint8Array())) {
    this.fetch = fetch;
  }

  async prepare({ taskId, mounts }: ContentsInput): Promise<ReadonlyMap<string, string>> {
    const sources = new Map(mounts.map(({ target }, index) => [target, `/contents/${taskId}/${index}`]));
    const known = this.files.get(taskId);
    if (mounts.length === 0 || (known && mounts.every(({ target }) => known.has(target)))) return sources;
    const values = await Promise.all(
      mounts.map(async (mount) => [mount.target, await this.fetch(taskId, mount)] as const),
    );
    this.files.set(taskId, new Map(values));
    return sources;
  }

  release(taskId: string): Promise<void> {
    this.files.delete(taskId);
    return Promise.resolve();
  }

  held(): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()]);
  }
}
