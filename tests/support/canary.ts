import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** A tree that nobody may touch, with one of each kind of thing that a hostile archive may go for. */
export function plantCanary(root: string): void {
  mkdirSync(join(root, 'etc'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
  writeFileSync(join(root, 'secret'), 'do not read\n', { mode: 0o600 });
  writeFileSync(join(root, 'setuid'), '#!/bin/true\n');
  chmodSync(join(root, 'setuid'), 0o4755);
  symlinkSync('etc/passwd', join(root, 'link'));
  linkSync(join(root, 'secret'), join(root, 'second'));
}

/** Everything that can be seen of a tree: names, kinds, owners, modes, times, link counts, contents. */
export function census(root: string, at = ''): readonly string[] {
  const path = join(root, at);
  const info = lstatSync(path, { bigint: true });
  const line = [
    at,
    info.mode.toString(8),
    info.uid,
    info.gid,
    info.nlink,
    info.ino,
    info.mtimeNs,
    info.ctimeNs,
    info.isSymbolicLink() ? readlinkSync(path) : '',
    info.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '',
  ].join(' ');
  if (!info.isDirectory()) return [line];
  return [
    line,
    ...readdirSync(path)
      .sort()
      .flatMap((name) => census(root, join(at, name))),
  ];
}
