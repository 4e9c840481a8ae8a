import { constants, openSync, watch, type FSWatcher } from 'node:fs';
import { Socket } from 'node:net';

/** Hears when the last holder of the FIFO is gone: the monitor has ended, in whatever way. */
export function watchMonitor(fifo: string, onGone: () => void): { close(): void } {
  // The socket owns the descriptor: a FileHandle would close it a second time when it is collected.
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  let told = false;
  const tell = (): void => {
    if (!told) onGone();
    told = true;
  };
  socket.on('end', tell).on('close', tell);
  socket.on('error', tell);
  socket.resume();
  socket.unref();
  return {
    close: () => {
      told = true;
      socket.destroy();
    },
  };
}

/** Hears of each file that appears in a directory. */
export function watchDirectory(dir: string, onFile: (name: string) => void): FSWatcher {
  const watcher = watch(dir, { persistent: false });
  watcher.on('change', (_event, name) => onFile(String(name)));
  watcher.on('error', () => undefined); // the directory goes with the agent's run directory
  return watcher;
}
