import { afterEach, describe, expect, test } from 'vitest';
import type { ContainerExit, ContainerPlan, Runtime } from './runtime.ts';

/** What the contract needs of a host: fresh runtimes over the same containers, and plans that behave as asked. */
export interface ContractHost {
  open(): Promise<Runtime>;
  /** A container that runs until it is stopped, that exits with a code at once, or whose program is missing. */
  plan(behaviour: 'stays' | { readonly exits: number } | 'missing'): Promise<ContainerPlan>;
  /** Traces of the container left on the host. */
  traces(id: string): Promise<readonly string[]>;
}

/** What every runtime must do. */
export function runtimeContract(name: string, host: ContractHost): void {
  describe(`the ${name} runtime`, () => {
    const open: Runtime[] = [];
    const made: string[] = [];
    const start = async (): Promise<Runtime> => {
      const runtime = await host.open();
      open.push(runtime);
      return runtime;
    };
    const plan = async (behaviour: Parameters<ContractHost['plan']>[0]): Promise<ContainerPlan> => {
      const planned = await host.plan(behaviour);
      made.push(planned.id);
      return planned;
    };

    afterEach(async () => {
      const last = await start();
      for (const id of made.splice(0)) {
        await last.delete(id);
        expect(await host.traces(id)).toEqual([]);
      }
      await Promise.all(open.splice(0).map((runtime) => runtime.close()));
    });

    test('runs a container and lists it as running with its process', async () => {
      const runtime = await start();
      const wanted = await plan('stays');
      const process = await runtime.run(wanted);
      expect((await runtime.list()).get(wanted.id)).toEqual({ state: 'running', process });
      expect((await runtime.usage(wanted.id))?.pids).toBeGreaterThan(0);
    });

    test('running the same container again answers with the same process', async () => {
      const runtime = await start();
      const wanted = await plan('stays');
      expect(await runtime.run(wanted)).toEqual(await runtime.run(wanted));
    });

    test('tells an exit once, with its code', async () => {
      const runtime = await start();
      const wanted = await plan({ exits: 3 });
      const exits = heard(runtime, wanted.id);
      await runtime.run(wanted);
      expect(await exits.first).toMatchObject({ exitCode: 3, oom: false });
      expect((await runtime.list()).get(wanted.id)).toMatchObject({
        state: 'stopped',
        exit: { exitCode: 3 },
      });
      expect(exits.all).toHaveLength(1);
    });

    test('nothing runs before what its start waits for; if that fails, nothing is left', async () => {
      const runtime = await start();
      const wanted = await plan({ exits: 3 });
      const exits = heard(runtime, wanted.id);
      await runtime.run(wanted, () => Promise.resolve(expect(exits.all).toEqual([])));
      expect(await exits.first).toMatchObject({ exitCode: 3 });
      const other = await plan('stays');
      const refused = (): Promise<void> => Promise.reject(new Error('no rules'));
      await expect(runtime.run(other, refused)).rejects.toThrow('no rules');
      expect((await runtime.list()).has(other.id)).toBe(false);
      expect(await host.traces(other.id)).toEqual([]);
    });

    test('a signal ends the container, and its exit code says so', async () => {
      const runtime = await start();
      const wanted = await plan('stays');
      await runtime.run(wanted);
      const exits = heard(runtime, wanted.id);
      await runtime.signal(wanted.id, 'SIGKILL');
      expect(await exits.first).toMatchObject({ exitCode: 137 });
    });

    test('says in words why a container cannot start, and leaves nothing of it', async () => {
      const runtime = await start();
      const wanted = await plan('missing');
      await expect(runtime.run(wanted)).rejects.toMatchObject({ code: 'invalid', message: /no program/ });
      expect((await runtime.list()).has(wanted.id)).toBe(false);
      expect(await host.traces(wanted.id)).toEqual([]);
    });

    test('a second runtime adopts what the first one started, with the same process', async () => {
      const first = await start();
      const wanted = await plan('stays');
      const process = await first.run(wanted);
      await first.close();
      const second = await start();
      expect((await second.list()).get(wanted.id)).toEqual({ state: 'running', process });
      const exits = heard(second, wanted.id);
      await second.signal(wanted.id, 'SIGKILL');
      expect((await exits.first).exitCode).toBe(137);
    });

    test('an exit while no runtime watched is found by the next one', async () => {
      const first = await start();
      const wanted = await plan({ exits: 5 });
      const exits = heard(first, wanted.id);
      await first.run(wanted);
      await exits.first;
      await first.close();
      const second = await start();
      expect((await second.list()).get(wanted.id)).toMatchObject({ state: 'stopped', exit: { exitCode: 5 } });
    });

    test('a container that has ended is not run again: a task is one run', async () => {
      const runtime = await start();
      const wanted = await plan({ exits: 0 });
      const exits = heard(runtime, wanted.id);
      await runtime.run(wanted);
      await exits.first;
      await expect(runtime.run(wanted)).rejects.toMatchObject({ code: 'conflict' });
    });

    test('a runtime that was closed hears nothing, the next one hears the end of what it adopted', async () => {
      const first = await start();
      const wanted = await plan('stays');
      const before = heard(first, wanted.id);
      await first.run(wanted);
      await first.close();
      const second = await start();
      await second.list();
      const after = heard(second, wanted.id);
      await second.signal(wanted.id, 'SIGKILL');
      await after.first;
      expect(before.all).toEqual([]);
    });

    test('a signal to a container that has ended, or never was, does nothing', async () => {
      const runtime = await start();
      const wanted = await plan({ exits: 0 });
      const exits = heard(runtime, wanted.id);
      await runtime.run(wanted);
      await exits.first;
      await runtime.signal(wanted.id, 'SIGKILL');
      await runtime.signal('nobody000000', 'SIGKILL');
      expect((await runtime.list()).get(wanted.id)).toMatchObject({ exit: { exitCode: 0 } });
      expect(exits.all).toHaveLength(1);
    });

    test('deleting an ended container removes every trace', async () => {
      const runtime = await start();
      const wanted = await plan({ exits: 1 });
      const exits = heard(runtime, wanted.id);
      await runtime.run(wanted);
      await exits.first;
      await runtime.delete(wanted.id);
      expect(await host.traces(wanted.id)).toEqual([]);
      expect(await runtime.usage(wanted.id)).toBeUndefined();
    });

    test('deleting a running container removes every trace, and deleting it again is fine', async () => {
      const runtime = await start();
      const wanted = await plan('stays');
      await runtime.run(wanted);
      await runtime.delete(wanted.id);
      expect((await runtime.list()).has(wanted.id)).toBe(false);
      expect(await host.traces(wanted.id)).toEqual([]);
      await runtime.delete(wanted.id);
    });
  });
}

function heard(
  runtime: Runtime,
  id: string,
): { readonly first: Promise<ContainerExit>; readonly all: ContainerExit[] } {
  const all: ContainerExit[] = [];
  const first = new Promise<ContainerExit>((resolve) => {
    runtime.onExit((of, exit) => {
      if (of !== id) return;
      all.push(exit);
      resolve(exit);
    });
  });
  return { first, all };
}
