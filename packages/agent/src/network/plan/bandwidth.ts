import type { Bandwidth } from '@gantry/model/limits';
import { namesOf } from './address-plan.ts';

/** What may wait for its turn, as time at the limit, before packets are dropped: TCP then slows down. */
const queueMs = 50;
/** What may pass at once, as time at the limit: below it, timers of 1 to 4 ms would hold a fast link back. */
const burstMs = 20;
/** Bytes of a burst: at least one packet as the kernel hands them on (64 KiB are cut up), at most what a link buffers. */
const leastBurst = 16 << 10;
const mostBurst = 8 << 20;

/** Command lines in order. Those of `undo` may fail: what they take away may not be there. */
export interface BandwidthCommands {
  /** `ip -batch`; fails where it stands already. */
  readonly device: readonly string[];
  /** `tc -batch`. */
  readonly undo: readonly string[];
  /** `tc -batch`; must succeed. */
  readonly limit: readonly string[];
}

/**
 * How a container's link gets its limits, wholly on the host's side where the container cannot reach: what it receives waits
 * at the link, what it sends is led over a device of its own (ifb) and waits there.
 *
 *     host ── tbf ─▶ gv… ═══ eth0 (container)
 *     host ◀─ tbf ── gi… ◀─ redirect ── gv…
 */
export function bandwidthCommands(
  containerId: string,
  { ingressBits, egressBits }: Bandwidth,
): BandwidthCommands {
  const { link, shaper } = namesOf(containerId);
  const sends = egressBits !== undefined;
  return {
    device: sends ? [`link add ${shaper} type ifb`, `link set ${shaper} up`] : [`link del ${shaper}`],
    undo: [
      `qdisc del dev ${link} ingress`,
      ...(ingressBits === undefined ? [`qdisc del dev ${link} root`] : []),
    ],
    limit: [
      ...(ingressBits === undefined ? [] : [bucket(link, ingressBits)]),
      ...(sends
        ? [
            bucket(shaper, egressBits),
            `qdisc add dev ${link} handle ffff: ingress`,
            `filter add dev ${link} parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev ${shaper}`,
          ]
        : []),
    ],
  };
}

function bucket(device: string, bits: number): string {
  return `qdisc replace dev ${device} root tbf rate ${bits}bit burst ${burstOf(bits)} latency ${queueMs}ms`;
}

/** Bytes that may pass at once at this rate. */
export function burstOf(bits: number): number {
  const bytes = Math.ceil((bits / 8) * (burstMs / 1_000));
  return Math.min(mostBurst, Math.max(leastBurst, bytes));
}
