import { describe, expect, test } from 'vitest';
import { GantryError } from '@gantry/kit/errors';
import type { ContentMount } from '@gantry/model/content';
import type { Contents, FetchContent } from './contents.ts';

/** What the contract needs of a host. */
export interface ContentsHost {
  /** Contents as an agent has them that begins now; what an earlier one laid out is there. */
  open(fetch: FetchContent): Contents;
  /** What stands at a target of a task; undefined if nothing does. */
  read(contents: Contents, taskId: string, target: string): string | undefined;
}

export function aMount(more: Partial<ContentMount> = {}): ContentMount {
  return {
    kind: 'secret',
    source: 'shop_db',
    number: 1,
    target: '/run/secrets/db',
    uid: 0,
    gid: 0,
    mode: 0o444,
    ...more,
  };
}

/** What all contents must do. */
export function contentsContract(name: string, host: ContentsHost): void {
  describe(`the ${name} contents`, () => {
    const asked: string[] = [];
    const fetch: FetchContent = (taskId, { source, number = 0 }) => {
      asked.push(`${taskId} ${source}@${number}`);
      return Promise.resolve(Buffer.from(`${source}@${number}`));
    };
    const [one, two] = ['task00000001', 'task00000002'];

    test('lays out what each task has, tells where, and lets go of it', async () => {
      const contents = host.open(fetch);
      const mounts = [aMount(), aMount({ kind: 'config', source: 'shop_page', number: 7, target: '/page' })];
      const sources = await contents.prepare({ taskId: one, mounts });
      expect([...sources.keys()]).toEqual(['/run/secrets/db', '/page']);
      await contents.prepare({ taskId: two, mounts: [aMount({ number: 2 })] });
      expect(host.read(contents, one, '/run/secrets/db')).toBe('shop_db@1');
      expect(host.read(contents, one, '/page')).toBe('shop_page@7');
      expect(host.read(contents, two, '/run/secrets/db')).toBe('shop_db@2');
      expect([...(await contents.held())].sort()).toEqual([one, two]);
      for (const taskId of [one, two, one]) await contents.release(taskId);
      expect(await contents.held()).toEqual([]);
      expect(host.read(contents, one, '/page')).toBeUndefined();
    });

    test('is there for the next agent, which asks nobody for it', async () => {
      const before = host.open(fetch);
      const sources = await before.prepare({ taskId: one, mounts: [aMount()] });
      asked.length = 0;
      const after = host.open(fetch);
      expect(await after.held()).toEqual([one]);
      expect(await after.prepare({ taskId: one, mounts: [aMount()] })).toEqual(sources);
      expect(host.read(after, one, '/run/secrets/db')).toBe('shop_db@1');
      expect(asked).toEqual([]);
      await after.release(one);
    });

    test('says why something cannot be had, and can be asked again', async () => {
      let away = true;
      const contents = host.open((...what) =>
        away ? Promise.reject(new GantryError('unreachable', 'nobody answers')) : fetch(...what),
      );
      const input = { taskId: one, mounts: [aMount()] };
      await expect(contents.prepare(input)).rejects.toMatchObject({ code: 'unreachable' });
      away = false;
      await contents.prepare(input);
      expect(host.read(contents, one, '/run/secrets/db')).toBe('shop_db@1');
      await contents.release(one);
      expect(await contents.held()).toEqual([]);
    });

    test('a task without any costs nothing', async () => {
      const contents = host.open(fetch);
      expect(await contents.prepare({ taskId: one, mounts: [] })).toEqual(new Map());
      expect(await contents.held()).toEqual([]);
      await contents.release(one);
    });
  });
}
