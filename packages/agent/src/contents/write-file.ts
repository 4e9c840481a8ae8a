import { closeSync, constants, fchmodSync, fchownSync, openSync, writeSync } from 'node:fs';

/** Who may do what with a file. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Writes a file that is not there yet, through no link. On this thread: it is memory, and the thread pool costs more. */
export function writeNewFile(path: string, bytes: Uint8Array, { uid, gid, mode }: Ownership): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fchownSync(fd, uid, gid);
    // After the owner: changing that takes bits away.
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}
