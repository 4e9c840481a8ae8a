import { afterEach, describe, expect, test } from 'vitest';
import type { Fence } from './fence.ts';

/** What the contract needs of a host: containers under guard, and time. */
export interface FenceHost {
  readonly fence: Fence;
  /** A container that ends at a signal, or heeds none but SIGKILL; answers with its id. */
  run(heeds: 'signals' | 'nothing'): Promise<string>;
  runs(id: string): boolean;
  pass(ms: number): Promise<void>;
  /** Every guard and container ends. */
  clear(): Promise<void>;
}

/** What every fence must do. Times are of the host's clock; a guard may be up to 300 ms late. */
export function fenceContract(name: string, open: () => FenceHost): void {
  describe(`the ${name} fence`, () => {
    let host: FenceHost | undefined;
    const stop = { signal: 'SIGTERM', graceMs: 500 };
    const begin = async (heeds: 'signals' | 'nothing', ms: number) => {
      host ??= open();
      const id = await host.run(heeds);
      await host.fence.arm(id, host.fence.now() + ms, stop);
      return { host, id, fence: host.fence };
    };

    afterEach(async () => {
      await host?.clear();
      host = undefined;
    });

    test('stops the container at its moment, by its signal', async () => {
      const { host, id, fence } = await begin('signals', 600);
      await host.pass(300);
      expect([host.runs(id), await fence.fired(id)]).toEqual([true, false]);
      await host.pass(600);
      expect([host.runs(id), await fence.fired(id)]).toEqual([false, true]);
    });

    test('kills after the grace period what heeds no signal', async () => {
      const { host, id } = await begin('nothing', 300);
      await host.pass(500);
      expect(host.runs(id)).toBe(true);
      await host.pass(700);
      expect(host.runs(id)).toBe(false);
    });

    test('lets it run as long as its moment is moved, and never moves it back', async () => {
      const { host, id, fence } = await begin('signals', 500);
      for (let round = 0; round < 4; round++) {
        await host.pass(300);
        expect(fence.move(id, fence.now() + 700)).toBe(true);
        expect(fence.move(id, fence.now() - 10_000)).toBe(true);
      }
      expect(host.runs(id)).toBe(true);
      await host.pass(1_200);
      expect(host.runs(id)).toBe(false);
    });

    test('stops nothing once it is released, and says that nothing stands there', async () => {
      const { host, id, fence } = await begin('signals', 400);
      await fence.release(id);
      await host.pass(900);
      expect([host.runs(id), fence.move(id, fence.now()), await fence.fired(id)]).toEqual([
        true,
        false,
        false,
      ]);
      await fence.release(id);
    });

    test('also stops what is started after its moment', async () => {
      host = open();
      const id = await host.run('nothing');
      await host.fence.arm(id, host.fence.now() - 1, stop);
      await host.pass(2_500);
      expect(host.runs(id)).toBe(false);
    });
  });
}
