import { constants, openSync, readSync, watch, type FSWatcher } from 'node:fs';
import { Socket } from 'node:net';

/** Hears when the last holder of the FIFO is gone: the monitor has ended, in whatever way. */
export function watchMonitor(fifo: string, onGone: () => void): { close(): void } {
  // The socket owns the descriptor: a FileHandle would close it a second time when it is collected.
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  // A FIFO that had no writer when it was opened never tells of its end: one that is dead already has to be asked.
  const dead = hasNoWriter(fd);
  let told = false;
  const tell = (): void => {
    if (!told) onGone();
    told = true;
  };
  socket.on('end', tell).on('close', tell);
  socket.on('error', tell);
  socket.resume();
  socket.unref();
  if (dead) setImmediate(tell);
  return {
    close: () => {
      told = true;
      socket.destroy();
    },
  };
}

/** A read that finds the end means no writer; a writer that says nothing makes it fail with EAGAIN. */
function hasNoWriter(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) === 0;
  } catch {
    return false;
  }
}

/** Hears of each file that appears in a directory. */
export function watchDirectory(dir: string, onFile: (name: string) => void): FSWatcher {
  const watcher = watch(dir, { persistent: false });
  watcher.on('change', (_event, name) => onFile(String(name)));
  watcher.on('error', () => undefined); // the directory goes with the agent's run directory
  return watcher;
}
