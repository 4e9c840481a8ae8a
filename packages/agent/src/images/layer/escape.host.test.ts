import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exec } from '@gantry/kit/exec';
import { census, plantCanary } from '../../../../../tests/support/canary.ts';
import {
  archive,
  digestOf,
  dir,
  entry,
  file,
  hardlink,
  longLink,
  longName,
  pax,
  symlink,
} from '../../../../../tests/support/tars.ts';
import { unpackLayer } from '../unpack.ts';
import { openJail, type Jail } from './jail.ts';

let work: string;
let layers: string;
let canary: string;
let jail: Jail;
let before: readonly string[];

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'gantry-escape-'));
  layers = join(work, 'state/layers');
  canary = join(work, 'canary');
  mkdirSync(layers, { recursive: true });
  plantCanary(canary);
  jail = await openJail(exec, join(work, 'tools'));
  before = census(canary);
});

afterAll(() => rmSync(work, { recursive: true }));

/** From `<layers>/<name>/layer` up to the directory that holds the canary. */
const up = '../../../../';
type Attack = readonly [name: string, parts: (canary: string) => readonly Buffer[]];

const c = (path: string): string => `${up}canary/${path}`;
const attacks: readonly Attack[] = [
  ['a name with ..', () => [file(c('secret'))]],
  ['a name with .. in the middle', () => [dir('a/'), file(`a/../${c('secret')}`)]],
  ['a name with .. behind many slashes', () => [file(`a//..//.//${c('secret')}`)]],
  ['an absolute name', (at) => [file(`${at}/secret`)]],
  ['an absolute name with slashes before', (at) => [file(`///${at}/secret`)]],
  ['.. in a long name of GNU', () => [longName(c('secret')), file('x')]],
  ['.. in a name of pax', () => [pax({ path: c('secret') }), file('x')]],
  ['pax before GNU', () => [pax({ path: c('secret') }), longName('good'), file('x')]],
  ['GNU before pax', () => [longName(c('secret')), pax({ path: 'good' }), file('x')]],
  ['GNU twice', () => [longName('good'), longName(c('secret')), file('x')]],
  ['pax twice', () => [pax({ path: 'good' }), pax({ path: c('secret') }), file('x')]],
  ['a global header', () => [pax({ path: c('secret') }, 'g'), file('x')]],
  ['.. in the prefix', () => [file('canary/secret', 'x', { prefix: `${up}.` })]],
  ['a sparse name', () => [pax({ 'GNU.sparse.name': c('secret'), 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '1' }), file('x')]],
  ['a symlink, then a file through it', () => [symlink('a', `${up}canary`), file('a/secret')]],
  ['an absolute symlink, then a file through it', (at) => [symlink('a', at), file('a/secret')]],
  ['a symlink to the root of the file system', (at) => [symlink('a', '/'), file(`a${at}/secret`)]],
  ['a chain of symlinks', () => [symlink('a', '..'), symlink('b', `a/${up}`), file('b/canary/secret')]],
  ['a chain of directories and symlinks up', () => [
    dir('a/'), dir('a/b/'), symlink('a/b/up', '../..'), symlink('a/b/up2', `up/${up}`), file('a/b/up2/canary/secret')]],
  ['a symlink under another spelling', (at) => [symlink('./a/', at), file('a//secret')]],
  ['a directory that becomes a symlink', (at) => [dir('a/'), symlink('a', at), file('a/secret')]],
  ['a file that becomes a symlink', (at) => [file('a'), symlink('a', `${at}/secret`), file('a', 'over')]],
  ['a symlink that becomes a directory', (at) => [symlink('a', at), dir('a/'), file('a/secret')]],
  ['a symlink, then its own file', (at) => [symlink('a', `${at}/secret`), file('a', 'over')]],
  ['a symlink, then a directory of another mode', (at) => [symlink('a', `${at}/empty`), dir('a/', { mode: 0o777, uid: 9 })]],
  ['a symlink as hard link, then a file through it', (at) => [symlink('a', at), hardlink('b', 'a'), file('b/secret')]],
  ['a hard link with ..', () => [hardlink('a', c('secret')), file('a', 'over')]],
  ['an absolute hard link', (at) => [hardlink('a', `${at}/secret`), file('a', 'over')]],
  ['a hard link through a symlink', (at) => [symlink('s', at), hardlink('a', 's/secret'), file('a', 'over')]],
  ['a hard link to a symlink', (at) => [symlink('s', `${at}/secret`), hardlink('a', 's'), file('a', 'over')]],
  ['a hard link in a long link of GNU', () => [longLink(c('secret')), hardlink('a', 'good'), file('a', 'over')]],
  ['a hard link in pax', () => [pax({ linkpath: c('secret') }), hardlink('a', 'good'), file('a', 'over')]],
  ['a hard link with content', (at) => [entry({ name: 'a', type: '1', linkName: `${at}/secret`, content: 'over' })]],
  ['a whiteout with ..', () => [file(`${up}canary/.wh.secret`, '')]],
  ['a whiteout of ..', () => [file('a/.wh...', '')]],
  ['a whiteout of .', () => [file('a/.wh..', '')]],
  ['a whiteout of nothing', () => [file('.wh.', '')]],
  ['a whiteout through a symlink', (at) => [symlink('a', at), file('a/.wh.secret', '')]],
  ['a whiteout with a slash in it', () => [file(`.wh.x/${c('secret')}`, '')]],
  ['an opaque directory through a symlink', (at) => [symlink('a', at), file('a/.wh..wh..opq', '')]],
  ['an opaque symlink', (at) => [symlink('a', at), file('.wh.a', ''), dir('a/'), file('a/secret')]],
  ['an opaque root', () => [file('.wh..wh..opq', '')]],
  ["aufs's own directories", () => [dir('.wh..wh.plnk/'), hardlink('a', '.wh..wh.plnk/1.2')]],
  ['the root as a symlink', (at) => [symlink('.', at), file('secret')]],
  ['the root as a symlink, spelt as directory', (at) => [symlink('./', at), file('secret')]],
  ['the root with another owner and mode', () => [dir('./', { mode: 0o7777, uid: 1 }), dir('/', { mode: 0o7777 })]],
  ['the root through ..', () => [dir('a/..', { mode: 0o777 })]],
  ['a disk', () => [entry({ name: 'disk', type: '4', patch: [329, Buffer.from('0000376\0')] }), file('disk', 'x')]],
  ['memory', () => [entry({ name: 'mem', type: '3', patch: [329, Buffer.from('0000001\0')] }), file('mem', 'x')]],
  ['a fifo, then a file', () => [entry({ name: 'a', type: '6' }), file('a')]],
  ['a multi-volume entry', () => [entry({ name: c('secret'), type: 'M' })]],
  ['names of an old GNU directory', () => [entry({ name: 'a', type: 'D', content: `Y${c('secret')}\0\0` })]],
  ['a rename of an old GNU archive', () => [entry({ name: 'a', type: 'N', content: `Rename ${c('secret')} to x\n` })]],
  ['a volume name', () => [entry({ name: c('secret'), type: 'V' })]],
  ['an attribute of overlayfs that redirects', () => [pax({ 'SCHILY.xattr.trusted.overlay.redirect': '/../../canary' }), dir('a/')]],
  ['an attribute of overlayfs in a user name space', () => [pax({ 'SCHILY.xattr.user.overlay.redirect': '/x' }), dir('a/')]],
  ['an entry in the size of another', () => [pax({ size: '0' }), entry({ name: 'a', content: file(c('secret')) })]],
  ['an archive behind the end', () => [Buffer.alloc(1_024), file(c('secret'))]],
  ['the tools of the jail', () => [file('../bin/tar', 'evil'), file('/bin/tar', 'evil')]],
  ['the parents of the jail', () => [symlink('p', '../../..'), dir('p/canary/', { mode: 0o777 })]],
  ['process 1 through /proc', () => [symlink('proc2', '/proc/1/root'), file('proc2/etc/x')]],
  ['names of options', () => [file('--to-command=touch x'), file('-x'), file('--checkpoint-action=exec=touch x')]],
]; // prettier-ignore

async function attempt(bytes: Buffer): Promise<'refused' | 'unpacked'> {
  const path = join(work, 'blob');
  writeFileSync(path, bytes);
  try {
    await unpackLayer({ jail, dir: layers }, { path, diffId: digestOf(bytes) }, new AbortController().signal);
    return 'unpacked';
  } catch (error) {
    expect(error).toMatchObject({ code: 'image_refused' });
    return 'refused';
  } finally {
    rmSync(path);
  }
}

/** What an archive left beside its layer. */
function strayed(): readonly string[] {
  const names = [...readdirSync(work), ...readdirSync(join(work, 'state')), ...readdirSync(layers)];
  return names.filter(
    (name) => !['canary', 'state', 'tools', 'layers'].includes(name) && !/^[0-9a-f]{32}$/.test(name),
  );
}

describe('the canary does not notice', () => {
  test.each(attacks)('%s', async (_name, parts) => {
    await attempt(archive(...parts(canary)));
    expect(census(canary)).toEqual(before);
    expect(strayed()).toEqual([]);
  });

  test('all of them at once, as two layers', async () => {
    const all = attacks.flatMap(([, parts]) => parts(canary));
    expect(await attempt(archive(...all))).toBe('refused');
    expect(census(canary)).toEqual(before);
  });
});

describe('the jail holds where the filter would not', () => {
  let root: string;
  beforeAll(async () => {
    root = join(work, 'jail');
    mkdirSync(join(root, 'layer'), { recursive: true });
    await jail.furnish(root);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('an archive that nobody looked at, unpacked by a tar that trusts it, does not reach the canary', async () => {
    for (const [, parts] of attacks) {
      const tar = jail.run(
        root,
        ['tar', '-xPf', '-', '--overwrite', '--keep-directory-symlink'],
        'pipe',
        'ignore',
      );
      tar.stdin?.end(archive(...parts(canary)));
      await tar.ended;
    }
    expect(census(canary)).toEqual(before);
    rmSync(join(root, 'layer'), { recursive: true });
  });

  test('what runs in it has another root, no network, no new privileges, and few capabilities', async () => {
    mkdirSync(join(root, 'layer'));
    rmSync(join(root, 'bin'), { recursive: true });
    await jail.furnish(root);
    const tar = jail.run(root, ['tar', '-xf', '-'], 'pipe', 'ignore');
    const proc = `/proc/${tar.pid ?? 0}`;
    try {
      await until(
        () =>
          readFileSync(`${proc}/cmdline`, 'latin1').includes('/bin/tar\0') &&
          !readFileSync(`${proc}/cmdline`, 'latin1').includes('setpriv'),
      );
      expect(readlinkSync(`${proc}/root`)).toBe(root);
      const interfaces = execFileSync('nsenter', [`--net=${proc}/ns/net`, 'ip', '-o', 'link'], {
        encoding: 'utf8',
      });
      expect(interfaces.trim().split('\n')).toHaveLength(1);
      expect(interfaces).toContain('state DOWN');
      const status = readFileSync(`${proc}/status`, 'utf8');
      expect(status).toContain('NoNewPrivs:\t1');
      // chown 0, dac_override 1, fowner 3, fsetid 4, sys_admin 21, mknod 27, setfcap 31
      const mask = [0, 1, 3, 4, 21, 27, 31].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
      for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
        const found = BigInt(`0x${new RegExp(`${set}:\\t([0-9a-f]+)`).exec(status)?.[1] ?? 'f'}`);
        expect(found & ~mask, set).toBe(0n);
      }
    } finally {
      tar.kill();
      await tar.ended;
    }
  });
});

/** Bounded: what is waited for is an exec a few ms away. */
async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not happen');
}
