import { constants, openSync, readSync, watch, type FSWatcher } from 'node:fs';
import { Socket } from 'node:net';

export interface FifoListener {
  readonly onData?: (chunk: Buffer) => void;
  /** Nobody holds it open for writing any more. Heard once. */
  readonly onGone: () => void;
}

/** Hears what is written into a FIFO that somebody holds open, and that the last holder is gone, in whatever way. */
export function readFifo(fifo: string, { onData, onGone }: FifoListener): { close(): void } {
  // The socket owns the descriptor: a FileHandle would close it a second time when it is collected.
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  // A FIFO that had no writer when it was opened never tells of its end: one that is dead already has to be asked.
  const first = readNow(fd);
  let over = false;
  const gone = (): void => {
    if (!over) onGone();
    over = true;
  };
  socket.on('data', (chunk: Buffer) => {
    if (!over) onData?.(chunk);
  });
  socket.on('end', gone).on('close', gone).on('error', gone);
  socket.unref();
  if (first) setImmediate(() => (first.length === 0 ? gone() : !over && onData?.(first)));
  return {
    close: () => {
      over = true;
      socket.destroy();
    },
  };
}

/** Hears when the monitor that holds the FIFO has ended. */
export function watchMonitor(fifo: string, onGone: () => void): { close(): void } {
  return readFifo(fifo, { onGone });
}

/** What is there at once: nothing at all means no writer; undefined, a writer that has said nothing yet. */
function readNow(fd: number): Buffer | undefined {
  const buffer = Buffer.alloc(4_096);
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch {
    return undefined;
  }
}

/** Hears of each file that appears in a directory. */
export function watchDirectory(dir: string, onFile: (name: string) => void): FSWatcher {
  const watcher = watch(dir, { persistent: false });
  watcher.on('change', (_event, name) => onFile(String(name)));
  watcher.on('error', () => undefined); // the directory goes with the agent's run directory
  return watcher;
}
