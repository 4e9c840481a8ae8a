import type { EventEmitter } from 'node:events';

/**
 * Ends a streaming call, on the server, with `error` as its status. Never `call.destroy(error)`: grpc-js then sends no status at
 * all, and the other side waits for ever.
 */
export function failCall(call: Pick<EventEmitter, 'emit'>, error: Error): void {
  call.emit('error', error);
}
