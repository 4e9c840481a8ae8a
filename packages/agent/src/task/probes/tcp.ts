import { connect } from 'node:net';
import type { ProbeResult } from '../health.ts';

/** A connection that is accepted is well; nothing is said on it. Rejects if there is none. */
export function probeTcp(address: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const stop = (): void => void socket.destroy(new Error('stopped'));
    signal.addEventListener('abort', stop, { once: true });
    socket.once('connect', () => {
      socket.resetAndDestroy(); // no connection is left waiting for its end
      resolve({ ok: true, words: '' });
    });
    socket.once('error', (error) => reject(new Error(`port ${port}: ${error.message}`)));
    socket.once('close', () => signal.removeEventListener('abort', stop));
  });
}
