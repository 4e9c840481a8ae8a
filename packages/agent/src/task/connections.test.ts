import { expect, test } from 'vitest';
import { inboundConnections } from './connections.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0`;
const web = line('00000000:1F90', '00000000:0000', '0A');
const client = line('0200D20A:1F90', '0B00D10A:D431', '01');

test('connections to what listens are counted', () => {
  expect(inboundConnections([head, web, client, client].join('\n'))).toBe(2);
});

test('those that the container made itself are not', () => {
  const own = line('0200D20A:D000', '0100D30A:0050', '01');
  expect(inboundConnections([head, web, own].join('\n'))).toBe(0);
});

test('nor those to itself, nor those that are closing', () => {
  const self = line('0100007F:1F90', '0100007F:D431', '01');
  const closing = line('0200D20A:1F90', '0B00D10A:D431', '06');
  expect(inboundConnections([head, web, self, closing].join('\n'))).toBe(0);
});

test('a server on IPv6 is reached over IPv4, too', () => {
  const listening6 = line(
    '00000000000000000000000000000000:1F90',
    '00000000000000000000000000000000:0000',
    '0A',
  );
  const mapped = line('0000000000000000FFFF00000200D20A:1F90', '0000000000000000FFFF00000B00D10A:D431', '01');
  const mappedSelf = line(
    '0000000000000000FFFF00000100007F:1F90',
    '0000000000000000FFFF00000100007F:D431',
    '01',
  );
  expect(inboundConnections(head, [head, listening6, mapped, mappedSelf].join('\n'))).toBe(1);
});
