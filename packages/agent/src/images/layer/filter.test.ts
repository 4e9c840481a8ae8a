import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  archive,
  dir,
  entry,
  file,
  hardlink,
  longName,
  pax,
  symlink,
} from '../../../../../tests/support/tars.ts';
import type { Entry } from './entry.ts';
import { entriesOf, filtered, refusal } from '../../../../../tests/support/layers.ts';
import { defaultLimits } from './rules.ts';
import { writeEntry } from './write.ts';

const namesOf = (bytes: Buffer): readonly string[] => entriesOf(filtered(bytes)).map(({ name }) => name);

describe('what the filter writes', () => {
  test('is the same whatever pieces the archive came in', () => {
    const bytes = archive(
      dir('a/'),
      file('a/b', 'content'.repeat(300)),
      pax({ path: `a/${'l'.repeat(150)}`, 'SCHILY.xattr.user.k': 'v' }),
      file('short', 'y'),
      symlink('s', 'a/b'),
      hardlink('h', 'a/b'),
      file('a/.wh.gone', ''),
    );
    const whole = filtered(bytes);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2_000 })), (sizes) => {
        expect(filtered(bytes, sizes).equals(whole)).toBe(true);
      }),
    );
  });

  test('reads back as the entry that was written', () => {
    const text = (max: number) =>
      fc.string({
        unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
        minLength: 1,
        maxLength: max,
      });
    const entries: fc.Arbitrary<Entry> = fc.record({
      kind: fc.constantFrom('file', 'symlink', 'fifo', 'link' as const),
      name: text(300).filter((name) => !name.endsWith('/')),
      linkName: text(300),
      mode: fc.nat({ max: 0o7777 }),
      uid: fc.nat({ max: 2 ** 32 - 2 }),
      gid: fc.nat({ max: 2 ** 32 - 2 }),
      mtime: fc.constantFrom('0', '1700000000', '1700000000.25', '9999999999'),
      size: fc.constant(0),
      attributes: fc.constantFrom(new Map<string, string>(), new Map([['user.key', 'a=b\n\0c']])),
    });
    fc.assert(
      fc.property(entries, (one) => {
        expect(entriesOf(writeEntry(one))).toEqual([one]);
      }),
    );
  });

  test('has a large size in base 256, and reads one', () => {
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size.writeUInt32BE(3, 4); // 12 GiB and 5
    size.writeUInt32BE(5, 8);
    const [read] = entriesOf(entry({ name: 'big', size }));
    expect(read?.size).toBe(3 * 2 ** 32 + 5);
    expect(entriesOf(writeEntry(read as Entry))[0]?.size).toBe(3 * 2 ** 32 + 5);
  });
});

describe('names', () => {
  test('of pax win over those of GNU, in either order, so that no other reader sees another name', () => {
    expect(namesOf(archive(pax({ path: 'pax' }), longName('gnu'), file('plain')))).toEqual(['pax']);
    expect(namesOf(archive(longName('gnu'), pax({ path: 'pax' }), file('plain')))).toEqual(['pax']);
  });

  test('of a global header are not taken', () => {
    expect(namesOf(archive(pax({ path: '../evil' }, 'g'), file('plain')))).toEqual(['plain']);
  });

  test('keep bytes that are not UTF-8', () => {
    expect(namesOf(archive(file('caf\u00e9')))).toEqual(['caf\u00e9']);
  });

  test('use the prefix of POSIX, and not what GNU keeps in its place', () => {
    expect(namesOf(archive(file('name', '', { prefix: 'dir' })))).toEqual(['dir/name']);
    expect(namesOf(archive(file('name', '', { prefix: 'dir', magic: 'ustar ' })))).toEqual(['name']);
  });

  test.each([
    ['leads out of the layer', archive(file('../evil'))],
    ['leads out of the layer', archive(file('a/../../evil'))],
    ['leads out of the layer', archive(pax({ path: '../evil' }), longName('good'), file('good'))],
    ['leads out of the layer', archive(hardlink('a', '../../etc/passwd'))],
    ['goes through the symlink', archive(symlink('a', '/etc'), file('a/passwd'))],
    ['goes through the symlink', archive(symlink('a', 'b'), hardlink('c', 'a/passwd'))],
    ['goes through the symlink', archive(symlink('a', 'b'), hardlink('c', 'a'), file('c/d'))],
    ['goes through the symlink', archive(symlink('a', 'b'), file('a/.wh.x', ''))],
    ['is too long', archive(file('n'), longName('n'.repeat(256)), file('x'))],
    ['a name is too long', archive(longName('n/'.repeat(2_100)), file('x'))],
    ['not a name', archive(pax({ path: 'a\0b' }), file('x'))],
    ['would replace the root', archive(symlink('.', '/'))],
    ['would replace the root', archive(file('/'.repeat(3) + '.', ''))],
    ['is a hard link to a directory', archive(dir('a/'), hardlink('b', 'a'))],
    ['is not a whiteout', archive(file('.wh.', ''))],
    ['is not a whiteout', archive(file('a/.wh...', ''))],
    ['leads out of the layer', archive(file('a/.wh.b/../../x', ''))],
  ])('%s', (words, bytes) => {
    expect(refusal(bytes)).toContain(words);
  });
});

describe('headers', () => {
  test.each([
    ['wrong checksum', archive(file('a', 'x', { checksum: 1 }))],
    ['unknown kind', archive(entry({ name: 'a', type: 'M' }))],
    ['negative', archive(entry({ name: 'a', size: Buffer.alloc(12, 0xff) }))],
    ['too large', archive(entry({ name: 'a', size: Buffer.from([0x80, ...Array<number>(11).fill(0xfe)]) }))],
    ['is not one', archive(entry({ name: 'a', size: Buffer.from('9999999999z\0') }))],
    ['is not one', archive(pax({ size: '-1' }), file('a'))],
    ['is not one', archive(pax({ size: '1e3' }), file('a'))],
    ['not a user or group id', archive(pax({ uid: '4294967295' }), file('a'))],
    ['malformed', archive(entry({ name: 'p', type: 'x', content: '5 a=b' }), file('a'))],
    ['malformed', archive(entry({ name: 'p', type: 'x', content: '99999 a=b\n' }), file('a'))],
    ['too large', archive(entry({ name: 'p', type: 'x', size: 2 << 20 }))],
    ['too many extension headers', archive(...Array<Buffer>(20).fill(longName('a')), file('a'))],
    ['in the middle of an entry', file('a', 'content').subarray(0, 700)],
    ['in the middle of an entry', archive(pax({ path: 'a' }))],
    ['among its entries', Buffer.concat([Buffer.alloc(512), archive(file('a'))])],
    [
      'overlap',
      archive(pax({ 'GNU.sparse.map': '0,5,3,5', 'GNU.sparse.size': '10' }), file('a', '0123456789')),
    ],
    [
      'another size',
      archive(pax({ 'GNU.sparse.map': '0,5', 'GNU.sparse.size': '10' }), file('a', '0123456789')),
    ],
  ])('%s: refused', (words, bytes) => {
    expect(refusal(bytes)).toContain(words);
  });

  test('that end without blocks of zeros are an end, as in Go', () => {
    expect(namesOf(file('a', ''))).toEqual(['a']);
  });

  test('of links and directories have no content, whatever size they say, as in Go', () => {
    expect(namesOf(archive(entry({ name: 'd', type: '5', size: 512 }), file('after')))).toEqual([
      'd/',
      'after',
    ]);
  });
});

describe('limits', () => {
  const some = archive(file('a', 'x'.repeat(600)), file('b'), file('c'));
  test.each([
    ['more than 2 entries', { ...defaultLimits, maxEntries: 2 }],
    ['more than 601 bytes', { ...defaultLimits, maxBytes: 601 }],
    ['names of a layer are too long', { ...defaultLimits, maxNameBytes: 2 }],
  ])('%s', (words, limits) => {
    expect(refusal(some, limits)).toContain(words);
  });

  test('count what a sparse file pretends to be', () => {
    const bytes = archive(
      pax({ 'GNU.sparse.map': '0,1', 'GNU.sparse.size': String(2 ** 50) }),
      file('a', '1'),
    );
    expect(refusal(bytes)).toContain('unpacks to more than');
  });
});

describe('whiteouts and attributes', () => {
  const kindsOf = (bytes: Buffer) =>
    entriesOf(filtered(bytes)).map(({ kind, name, attributes }) => [
      kind,
      name,
      [...attributes.keys()].join(),
    ]);
  const opaque = 'trusted.overlay.opaque';

  test('a whiteout becomes a device 0/0; devices of the image are left out', () => {
    const bytes = archive(
      file('a/.wh.b', ''),
      entry({ name: 'sda', type: '4' }),
      entry({ name: 'null', type: '3' }),
    );
    expect(kindsOf(bytes)).toEqual([['char', 'a/b', '']]);
  });

  test('an opaque directory keeps what its own entry says, before or after', () => {
    const marker = file('a/.wh..wh..opq', '');
    const directory = dir('a/', { mode: 0o1777, uid: 7 });
    const last = (bytes: Buffer) => entriesOf(filtered(bytes)).at(-1);
    for (const bytes of [archive(directory, marker), archive(marker, directory)])
      expect(last(bytes)).toMatchObject({
        name: 'a/',
        mode: 0o1777,
        uid: 7,
        attributes: new Map([[opaque, 'y']]),
      });
  });

  test('a whiteout hides only what is below the layer: a file of the same layer stays, a directory becomes opaque', () => {
    expect(kindsOf(archive(file('a'), file('.wh.a', '')))).toEqual([['file', 'a', '']]);
    expect(kindsOf(archive(dir('a/'), file('.wh.a', ''))).at(-1)).toEqual(['dir', 'a/', opaque]);
    expect(kindsOf(archive(file('.wh.a', ''), dir('a/'))).at(-1)).toEqual(['dir', 'a/', opaque]);
  });

  test("only attributes of users and capabilities pass; overlayfs's and the kernel's own do not", () => {
    const given = [
      'user.a',
      'security.capability',
      'user.overlay.opaque',
      opaque,
      'security.selinux',
      'trusted.x',
    ];
    const records = Object.fromEntries(given.map((key) => [`SCHILY.xattr.${key}`, 'v']));
    expect(kindsOf(archive(pax(records), file('a')))).toEqual([['file', 'a', 'user.a,security.capability']]);
  });
});
