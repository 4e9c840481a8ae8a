import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bandwidthCommands, burstOf } from './bandwidth.ts';

test('both ways are limited from the host’s side: at the link, and at a device that the link leads to', () => {
  expect(bandwidthCommands('task00000001', { ingressBits: 10_000_000, egressBits: 8_000 })).toEqual({
    device: ['link add gitask00000001 type ifb', 'link set gitask00000001 up'],
    undo: ['qdisc del dev gvtask00000001 ingress'],
    limit: [
      'qdisc replace dev gvtask00000001 root tbf rate 10000000bit burst 25000 latency 50ms',
      'qdisc replace dev gitask00000001 root tbf rate 8000bit burst 16384 latency 50ms',
      'qdisc add dev gvtask00000001 handle ffff: ingress',
      'filter add dev gvtask00000001 parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev gitask00000001',
    ],
  });
});

test('what is not limited any more is taken away', () => {
  expect(bandwidthCommands('task00000001', {})).toEqual({
    device: ['link del gitask00000001'],
    undo: ['qdisc del dev gvtask00000001 ingress', 'qdisc del dev gvtask00000001 root'],
    limit: [],
  });
});

test('a burst is at least a packet, never much of a second, and names of devices fit into the kernel’s 15 letters', () => {
  fc.assert(
    fc.property(fc.integer({ min: 8_000, max: 10 ** 12 }), (bits) => {
      const burst = burstOf(bits);
      expect(burst).toBeGreaterThanOrEqual(1_514);
      expect(burst === 16_384 || burst * 8 <= bits / 40).toBe(true);
    }),
  );
  for (const line of bandwidthCommands('task00000001', { egressBits: 8_000 }).device)
    expect(line.split(' ')[2]?.length).toBeLessThanOrEqual(15);
});
