import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote, shellCommand } from './shell-command.ts';

const word = fc.string({ unit: fc.constantFrom(...Array.from('\'"\\$`!*?~#&;|<>(){}[] \t\n\r=%a1é-')) });
const files = { stdout: '/dev/null', stderr: '/dev/null' };

test('a shell reads quoted words as they are', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
      const script = `for word in ${words.map(quote).join(' ')}; do printf '%s\\0' "$word"; done`;
      const read = execFileSync('/bin/sh', { input: script, encoding: 'utf8' });
      expect(read.split('\0').slice(0, -1)).toEqual(words);
    }),
    { numRuns: 25 },
  );
});

test('a command reads its input as it is', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-input-'));
  const line = fc.oneof(word, fc.constantFrom('END', 'END_', "'", '$(reboot)'));
  const outputs = { stdout: join(dir, 'out'), stderr: '/dev/null' };
  try {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), fc.boolean(), (lines, ended) => {
        const input = `${lines.join('\n')}${ended ? '\n' : ''}`;
        const command = shellCommand(['cat'], outputs, { input });
        expect(execFileSync('/bin/sh', { input: command, encoding: 'utf8' })).toBe('0\n');
        expect(readFileSync(outputs.stdout, 'utf8')).toBe(input);
      }),
      { numRuns: 25 },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a command gets its words, variables, directory, input and descriptors, and its code is told', () => {
  const dir = mkdtempSync(join(tmpdir(), "gantry-it's a "));
  try {
    const streams = { stdout: join(dir, 'out'), stderr: join(dir, 'err') };
    writeFileSync(join(dir, 'held'), '');
    const script = 'cat; printf "|%s|%s|%s" "$PWD" "$1" "$NAME"; echo complaint >&2; echo kept >&3; exit 7';
    const command = shellCommand(['sh', '-c', script, 'sh', "it's; rm"], streams, {
      cwd: dir,
      input: 'question',
      env: { NAME: 'a "value" $HOME' },
      holds: { 3: join(dir, 'held') },
    });
    expect(execFileSync('/bin/sh', { input: command, encoding: 'utf8' })).toBe('7\n');
    expect(readFileSync(streams.stdout, 'utf8')).toBe(`question|${dir}|it's; rm|a "value" $HOME`);
    expect(readFileSync(streams.stderr, 'utf8')).toBe('complaint\n');
    expect(readFileSync(join(dir, 'held'), 'utf8')).toBe('kept\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.each([
  ['a NUL', () => quote('a\0b')],
  ['an input with a NUL', () => shellCommand(['cat'], files, { input: 'a\0b\n' })],
  ['a variable with another name', () => shellCommand(['true'], files, { env: { 'A;reboot': '1' } })],
  ['a descriptor of two digits', () => shellCommand(['true'], files, { holds: { 10: '/dev/null' } })],
])('refuses %s', (_what, make) => expect(make).toThrow());
