#!/usr/bin/env node
// Builds the image hello:1 as a docker archive: a static busybox, its httpd, a page. Usage: build-image.mjs FILE.tar
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const output = resolve(process.argv[2] ?? 'hello.tar');
const work = mkdtempSync(join(tmpdir(), 'gantry-hello-'));
try {
  const layer = join(work, 'layer.tar');
  pack(layer, makeRootfs(join(work, 'rootfs')), ['.']);
  const diffId = sha256(readFileSync(layer));
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      Env: ['PATH=/bin', 'GREETING=Hello'],
      Entrypoint: ['/bin/serve'],
      ExposedPorts: { '8080/tcp': {} },
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
  });
  const configFile = `${sha256(config)}.json`;
  writeFileSync(join(work, configFile), config);
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: configFile, RepoTags: ['hello:1'], Layers: ['layer.tar'] }]),
  );
  pack(output, work, [configFile, 'manifest.json', 'layer.tar']);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function makeRootfs(root) {
  for (const dir of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'www'])
    mkdirSync(join(root, dir), { recursive: true });
  copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  for (const applet of ['sh', 'httpd', 'cat', 'echo', 'hostname', 'ls', 'ps', 'sleep', 'wget']) {
    symlinkSync('busybox', join(root, 'bin', applet));
  }
  writeFileSync(
    join(root, 'bin/serve'),
    [
      '#!/bin/sh',
      'echo "$GREETING, $(hostname)" > /www/index.html',
      'echo "serving on port 8080 as $(hostname)"',
      'exec httpd -f -v -p 8080 -h /www',
      '',
    ].join('\n'),
    { mode: 0o755 },
  );
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  return root;
}

/** A tar with the same bytes each time, so that the image keeps its digest. */
function pack(file, directory, names) {
  execFileSync('tar', [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-C',
    directory,
    '-cf',
    file,
    ...names,
  ]);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
