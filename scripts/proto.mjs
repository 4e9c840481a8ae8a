// Generates proto/src/gen from proto/gantry; `--check` fails if what is committed is not what would be generated.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const proto = join(root, 'proto');
const gen = join(proto, 'src/gen');
const check = process.argv.includes('--check');

const before = check ? snapshot(gen) : undefined;
const kept = check ? mkdtempSync(join(proto, '.check-')) : undefined;
if (kept) cpSync(gen, kept, { recursive: true });
try {
  rmSync(gen, { recursive: true, force: true });
  execFileSync(join(root, 'node_modules/.bin/buf'), ['generate'], { cwd: proto, stdio: 'inherit' });
  for (const file of filesOf(gen)) writeFileSync(file, withoutCopies(readFileSync(file, 'utf8')));
  if (before !== undefined && snapshot(gen) !== before) {
    console.error('proto/src/gen is stale: run `npm run proto` and commit the result');
    process.exitCode = 1;
  }
} finally {
  if (kept) {
    rmSync(gen, { recursive: true, force: true });
    cpSync(kept, gen, { recursive: true });
    rmSync(kept, { recursive: true });
  }
}

function snapshot(dir) {
  return filesOf(dir)
    .map((file) => `${file}\n${readFileSync(file, 'utf8')}`)
    .join('\n');
}

function filesOf(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
}

/** ts-proto copies every message that is sent, and all bytes that are received, once more: nobody else holds what it copies. */
function withoutCopies(text) {
  const made = text
    .replace(/Buffer\.from\((\w+\.encode\(value\)\.finish\(\))\)/g, 'asBuffer($1)')
    .replace(/Buffer\.from\(reader\.bytes\(\)\)/g, 'asBuffer(reader.bytes())');
  const import_ = 'import { asBuffer } from "../../../as-buffer.ts";\n';
  return made === text ? text : made.replace(/^import /m, `${import_}import `);
}
