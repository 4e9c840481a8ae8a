import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('capture.pl', import.meta.url));

/** An IPv4 packet on the wire. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  /** Of UDP and TCP. */
  readonly port: number;
  readonly bytes: Buffer;
}

/** Everything that crosses the segment of a lab's hosts while `work` is done (its switch sees each frame). */
export async function captured(netns: string, work: () => Promise<void>): Promise<readonly Packet[]> {
  const dir = await mkdtemp(join(tmpdir(), 'gantry-capture-'));
  const file = join(dir, 'frames');
  const child = spawn('nsenter', [`--net=/run/netns/${netns}`, 'perl', program, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await work();
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
    return packetsOf(await readFile(file));
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true });
  }
}

function packetsOf(data: Buffer): readonly Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at + 4 <= data.length;) {
    const end = at + 4 + data.readUInt32BE(at);
    const frame = data.subarray(at + 4, end);
    if (frame.length > 38 && frame.readUInt16BE(12) === 0x0800) packets.push(packetOf(frame.subarray(14)));
    at = end;
  }
  return packets;
}

function packetOf(bytes: Buffer): Packet {
  const header = (bytes.readUInt8(0) & 15) * 4;
  return {
    from: [...bytes.subarray(12, 16)].join('.'),
    to: [...bytes.subarray(16, 20)].join('.'),
    protocol: bytes.readUInt8(9),
    port: bytes.length >= header + 4 ? bytes.readUInt16BE(header + 2) : 0,
    bytes,
  };
}
