import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { archive, dir, entry, file, longName, pax, symlink } from '../../../../tests/support/tars.ts';
import { Workbench, type Wish } from '../../../../tests/support/workbench.ts';

const bench = new Workbench();
const { work } = bench;
const unpack = (bytes: Buffer, wish: Wish = {}): Promise<string> => bench.unpack(bytes, wish);

afterAll(() => bench.close());

/** A tar of a tree as GNU tar makes it. */
function packed(tree: string, ...options: readonly string[]): Buffer {
  return execFileSync('tar', ['--xattrs', '--xattrs-include=*', ...options, '-C', tree, '-cf', '-', '.'], {
    maxBuffer: 64 << 20,
  });
}

function attribute(path: string, name: string): string | undefined {
  const script =
    'import os,sys; sys.stdout.write(os.getxattr(sys.argv[1], sys.argv[2], follow_symlinks=False).decode("latin1"))';
  const ran = spawnSync('python3', ['-c', script, path, name], { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout : undefined;
}

function setAttribute(path: string, name: string, value: string): void {
  const script = 'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())';
  execFileSync('python3', ['-c', script, path, name, value]);
}

/** A tree with one of each kind of thing that images hold. */
function makeTree(): string {
  const tree = mkdtempSync(join(work, 'tree-'));
  mkdirSync(join(tree, 'deep', 'd'.repeat(120), 'e'.repeat(120)), { recursive: true });
  writeFileSync(join(tree, 'deep', 'd'.repeat(120), 'e'.repeat(120), 'f'.repeat(200)), 'long');
  writeFileSync(join(tree, 'setuid'), '#!/bin/sh\n');
  execFileSync('chown', ['12:34', join(tree, 'setuid')]);
  chmodSync(join(tree, 'setuid'), 0o4751);
  linkSync(join(tree, 'setuid'), join(tree, 'twin'));
  symlinkSync('/absolute/nowhere', join(tree, 'absolute'));
  symlinkSync('../../up', join(tree, 'up'));
  linkSync(join(tree, 'up'), join(tree, 'up-twin'));
  mkdirSync(join(tree, 'sticky'));
  chmodSync(join(tree, 'sticky'), 0o1777);
  mkdirSync(join(tree, 'closed'));
  writeFileSync(join(tree, 'closed/inside'), 'x');
  chmodSync(join(tree, 'closed'), 0o500);
  execFileSync('mkfifo', [join(tree, 'pipe')]);
  writeFileSync(join(tree, 'm\u00fcnchen \u2603'), 'utf-8 name');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/caf`), Buffer.from([0xe9])]), 'latin1 name');
  writeFileSync(join(tree, 'attributes'), 'x');
  setAttribute(join(tree, 'attributes'), 'user.note', 'hello');
  execFileSync('setcap', ['cap_net_bind_service=+ep', join(tree, 'attributes')]);
  execFileSync(
    'sh',
    ['-c', 'truncate -s 8M sparse; printf data | dd of=sparse bs=1 seek=4194304 conv=notrunc 2>/dev/null'],
    { cwd: tree },
  );
  execFileSync('touch', [
    '-h',
    '-d',
    '2001-02-03T04:05:06.789Z',
    join(tree, 'setuid'),
    join(tree, 'sticky'),
    join(tree, 'up'),
  ]);
  return tree;
}

/** What `stat` and `find` say of a tree; all that must survive. */
function describeTree(tree: string): string {
  const format = '%P|%y|%m|%U|%G|%s|%l|%n|%T@\n';
  const found = execFileSync('find', [tree, '-mindepth', '1', '-printf', format], { encoding: 'latin1' });
  // A directory's size is its file system's business.
  const lines = found
    .trim()
    .split('\n')
    .map((line) => line.replace(/\|d\|(\d+)\|(\w+)\|(\w+)\|\d+/, '|d|$1|$2|$3|'));
  return lines.sort().join('\n');
}

describe('a layer unpacks to what was packed', () => {
  test.each([
    ['pax', ['--format=pax', '--pax-option=delete=atime,delete=ctime']],
    ['GNU', ['--format=gnu']],
    ['pax, sparse 1.0', ['--format=pax', '--sparse']],
    ['pax, sparse 0.1', ['--format=pax', '--sparse', '--sparse-version=0.1']],
    ['pax, sparse 0.0', ['--format=pax', '--sparse', '--sparse-version=0.0']],
    ['GNU, sparse', ['--format=gnu', '--sparse']],
  ])('%s', async (name, options) => {
    const tree = makeTree();
    const attributes = name.startsWith('GNU') ? ['--no-xattrs'] : [];
    const target = await unpack(packed(tree, ...options, ...attributes));
    const whole = (text: string): string => (name.startsWith('GNU') ? text.replaceAll(/\.\d+$/gm, '') : text);
    expect(whole(describeTree(target))).toBe(whole(describeTree(tree)));
    expect(
      spawnSync('diff', ['-r', '--no-dereference', '--exclude=pipe', tree, target], { encoding: 'utf8' })
        .stdout,
    ).toBe('');
    if (attributes.length === 0) {
      expect(attribute(join(target, 'attributes'), 'user.note')).toBe('hello');
      expect(execFileSync('getcap', [join(target, 'attributes')], { encoding: 'utf8' })).toContain(
        'cap_net_bind_service=ep',
      );
    }
    if (name.includes('sparse')) expect(statSync(join(target, 'sparse')).blocks).toBeLessThan(100);
    expect(lstatSync(join(target, 'up-twin')).ino).toBe(lstatSync(join(target, 'up')).ino);
  });

  test.each(['gzip', 'zstd', 'several gzip members', 'plain'])('compressed with %s', async (how) => {
    const bytes = archive(dir('d/'), file('d/f', `compressed with ${how}`.repeat(50_000)));
    const half = bytes.length >> 1;
    const forms: Readonly<Record<string, () => Buffer>> = {
      gzip: () => gzipSync(bytes),
      zstd: () => execFileSync('zstd', ['-q', '-c'], { input: bytes, maxBuffer: 64 << 20 }),
      'several gzip members': () =>
        Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]),
      plain: () => bytes,
    };
    const target = await unpack(bytes, { compressed: forms[how]?.() ?? bytes });
    expect(readFileSync(join(target, 'd/f'), 'utf8')).toContain(`compressed with ${how}`);
  });

  test('later entries replace earlier ones, also of another kind', async () => {
    const target = await unpack(
      archive(
        symlink('a', '/etc'),
        dir('b/'),
        file('c', 'old'),
        symlink('d', 'b'),
        dir('d/'),
        file('d/x'),
        file('a', 'new'),
        symlink('c', 'b'),
      ),
    );
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('new');
    expect(readlinkSync(join(target, 'c'))).toBe('b');
    expect(lstatSync(join(target, 'd')).isDirectory()).toBe(true);
    expect(readdirSync(join(target, 'b'))).toEqual([]);
  });

  test('is there once, and unpacked once', async () => {
    const bytes = archive(file('once', 'x'));
    const target = await unpack(bytes);
    const before = lstatSync(join(target, 'once')).ino;
    expect(await unpack(bytes)).toBe(target);
    expect(lstatSync(join(target, 'once')).ino).toBe(before);
  });
});

describe('whiteouts', () => {
  test('hide files and whole directories of the layers below an overlay', async () => {
    const lower = await unpack(
      archive(
        dir('a/', { mode: 0o750, uid: 5 }),
        file('a/old'),
        file('gone'),
        dir('tree/'),
        file('tree/leaf'),
        file('stays'),
      ),
    );
    const upper = await unpack(
      archive(
        dir('a/', { mode: 0o750, uid: 5 }),
        file('a/.wh..wh..opq', ''),
        file('a/new'),
        file('.wh.gone', ''),
        file('.wh.tree', ''),
        dir('tree/'),
        file('tree/other'),
      ),
    );
    const merged = join(work, 'merged');
    mkdirSync(merged);
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${upper}:${lower}`, merged]);
    try {
      expect(readdirSync(merged).sort()).toEqual(['a', 'stays', 'tree']);
      expect(readdirSync(join(merged, 'a'))).toEqual(['new']);
      expect(readdirSync(join(merged, 'tree'))).toEqual(['other']);
      expect(lstatSync(join(merged, 'a'))).toMatchObject({ mode: 0o40750, uid: 5 });
    } finally {
      execFileSync('umount', [merged]);
    }
  });
});

describe('names with odd bytes', () => {
  test('reach the disk as they are', async () => {
    const names = [
      'new\nline',
      '-rf',
      ' blank ',
      'caf\u00e9',
      '%s',
      '~',
      'quote\'"',
      'back\\slash',
      'x'.repeat(255),
    ];
    const target = await unpack(archive(...names.flatMap((name) => [longName(name), file('x', name)])));
    const found = readdirSync(target, { encoding: 'latin1' as BufferEncoding });
    expect([...found].sort()).toEqual([...names].sort());
  });

  test('in messages cannot move a terminal', async () => {
    await expect(unpack(archive(pax({ path: '../\u001b[2Jx' }), file('x')))).rejects.toThrow(
      '../?[2Jx leads out',
    );
  });
});

test('a device of an image is not made', async () => {
  const target = await unpack(
    archive(entry({ name: 'sda', type: '4' }), entry({ name: 'c', type: '3' }), file('f')),
  );
  expect(readdirSync(target)).toEqual(['f']);
});
