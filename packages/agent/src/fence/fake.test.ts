import { VirtualClock } from '@gantry/kit/virtual-clock';
import { FakeHost } from '../runtime/fake.ts';
import { FakeFence } from './fake.ts';
import { fenceContract } from './fence.contract.ts';

fenceContract('memory', () => {
  const [clock, containers] = [new VirtualClock(), new FakeHost()];
  const fence = new FakeFence(clock, containers);
  let count = 0;
  return {
    fence,
    run: (heeds) => {
      const id = `c${++count}`;
      const process = { pid: count, startTime: '0', bootId: 'fake' };
      containers.containers.set(id, { process, stopMs: heeds === 'nothing' ? Infinity : 0 });
      return Promise.resolve(id);
    },
    runs: (id) => containers.containers.get(id)?.exit === undefined,
    pass: (ms) => clock.advance(ms),
    clear: () => Promise.resolve(fence.close()),
  };
});
