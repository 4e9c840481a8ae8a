import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from '../imports.ts';

/** Builds the image `web:1` as a docker archive: Debian's perl-base and a server with keep-alive on port 8080. */
export function buildWebImage(file: string): void {
  const work = mkdtempSync(join(tmpdir(), 'gantry-web-'));
  try {
    const layer = join(work, 'layer.tar');
    execFileSync('tar', [
      '--sort=name',
      '--mtime=@0',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-C',
      rootfs(join(work, 'rootfs')),
      '-cf',
      layer,
      '.',
    ]);
    const config = JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['VERSION=1'], Entrypoint: ['/usr/bin/perl', '/serve.pl'], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(readFileSync(layer))}`] },
    });
    const configFile = `${sha256(Buffer.from(config))}.json`;
    writeFileSync(join(work, configFile), config);
    writeFileSync(
      join(work, 'manifest.json'),
      JSON.stringify([{ Config: configFile, RepoTags: ['web:1'], Layers: ['layer.tar'] }]),
    );
    execFileSync('tar', ['-C', work, '-cf', file, configFile, 'manifest.json', 'layer.tar']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** perl with the libraries that it asks for, its own modules, and the server. */
function rootfs(dir: string): string {
  for (const name of ['dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(dir, name), { recursive: true });
  const libraries = [
    ...execFileSync('ldd', ['/usr/bin/perl'], { encoding: 'utf8' }).matchAll(/(\/\S+\.so\S*)/g),
  ];
  const modules = /^\/usr\/lib\/\S*perl-base$/m.exec(
    execFileSync('perl', ['-e', 'print join "\\n", @INC'], { encoding: 'utf8' }),
  )?.[0];
  if (modules === undefined) throw new Error('perl-base is not where Debian has it');
  for (const path of ['/usr/bin/perl', ...libraries.map(([, path = '']) => path)]) {
    mkdirSync(join(dir, dirname(path)), { recursive: true });
    copyFileSync(path, join(dir, path));
  }
  cpSync(modules, join(dir, modules), { recursive: true });
  copyFileSync(join(root, 'tests/support/load/server.pl'), join(dir, 'serve.pl'));
  writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  return dir;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
