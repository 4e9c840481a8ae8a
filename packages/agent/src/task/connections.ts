/** States of a socket in /proc/net/tcp (include/net/tcp_states.h). */
const established = '01';
const listening = '0A';

/**
 * Open connections that others made to what listens here, counted from /proc/PID/net/tcp and tcp6. Those from the container
 * to itself do not count: they do not end before it does.
 */
export function inboundConnections(...tables: readonly string[]): number {
  const sockets = tables.flatMap(socketsIn);
  const ports = new Set(sockets.filter(({ state }) => state === listening).map(({ port }) => port));
  return sockets.filter((one) => one.state === established && ports.has(one.port) && !one.loopback).length;
}

interface SocketLine {
  readonly port: string;
  readonly state: string;
  readonly loopback: boolean;
}

/** `0: 0200D20A:1F90 0100007F:D431 01 …`: local address, remote address, state; in hex, addresses by little-endian words. */
function socketsIn(table: string): readonly SocketLine[] {
  return [...table.matchAll(/^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm)].map(
    ([, address = '', port = '', state = '']) => ({ port, state, loopback: isLoopback(address) }),
  );
}

function isLoopback(address: string): boolean {
  if (address.length === 8) return address.endsWith('7F');
  return address === '00000000000000000000000001000000' || /^0{16}FFFF0000.{6}7F$/.test(address);
}
