import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '@gantry/kit/log';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { Contact } from '../link/contact.ts';
import { FakeHost } from '../runtime/fake.ts';
import { FakeFence } from './fake.ts';
import { FenceKeeper } from './keeper.ts';

const stop = { signal: 'SIGTERM', graceMs: 0 };
let clock: VirtualClock;
let host: FakeHost;
let fence: FakeFence;
let keeper: FenceKeeper;

function container(id: string): void {
  host.containers.set(id, { process: { pid: 1, startTime: '0', bootId: 'fake' }, stopMs: 0 });
}
const runs = (id: string): boolean => host.containers.get(id)?.exit === undefined;

beforeEach(() => {
  [clock, host] = [new VirtualClock(), new FakeHost()];
  fence = new FakeFence(clock, host);
  keeper = new FenceKeeper(fence, silentLogger);
});

describe('the keeper of fences', () => {
  test('lets nothing start without contact, or after it', async () => {
    await expect(keeper.guard('a', 30_000, stop)).rejects.toThrow('no contact with the controller');
    keeper.contact(keeper.now());
    await keeper.guard('a', 30_000, stop);
    await clock.advance(30_000);
    await expect(keeper.guard('b', 30_000, stop)).rejects.toThrow('no contact with the controller');
  });

  test('counts from when words were sent, not from when their answer came', async () => {
    const contact = new Contact(keeper);
    const registered = contact.sending();
    registered();
    contact.knowsAll();
    container('a');
    await keeper.guard('a', 30_000, stop);
    const late = contact.sending();
    await clock.advance(29_000);
    // As after a long stop of the agent: the answer had waited.
    late();
    await clock.advance(1_500);
    expect(runs('a')).toBe(false);
  });

  test('takes no contact for one before the complete set is known', async () => {
    const contact = new Contact(keeper);
    contact.sending()();
    contact.sending()();
    await expect(keeper.guard('a', 30_000, stop)).rejects.toThrow('no contact');
    contact.knowsAll();
    await keeper.guard('a', 30_000, stop);
  });

  test('puts another guard in the place of one that has ended, and stops at once what it finds without one', async () => {
    keeper.contact(keeper.now());
    container('a');
    await keeper.guard('a', 30_000, stop);
    await fence.release('a');
    await clock.advance(10_000);
    keeper.contact(keeper.now());
    await clock.advance(29_000);
    expect(runs('a')).toBe(true);
    await clock.advance(2_000);
    expect(runs('a')).toBe(false);
    const next = new FenceKeeper(fence, silentLogger);
    container('b');
    await next.takeUp('b', 30_000, stop);
    await clock.advance(10);
    expect([runs('b'), await next.stopped('b')]).toEqual([false, true]);
  });
});
