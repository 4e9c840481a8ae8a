// Brings what Gantry needs on a Debian host: packages by apt, npm modules, the bundles. Does nothing that is done.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Program → the Debian package that brings it. */
export const hostPrograms = {
  runc: 'runc',
  conmon: 'conmon',
  skopeo: 'skopeo',
  etcd: 'etcd-server',
  'nats-server': 'nats-server',
  nft: 'nftables',
  ip: 'iproute2',
  conntrack: 'conntrack',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  busybox: 'busybox-static',
  nsenter: 'util-linux',
  zstd: 'zstd',
  'tini-static': 'tini',
};

/** What only the tests and benches need. */
export const testPrograms = { 'docker-registry': 'docker-registry', wrk: 'wrk', iperf3: 'iperf3' };

/** Installs what is missing; throws with one sentence if it cannot. */
export async function setUp(programs = hostPrograms) {
  if (process.platform !== 'linux') throw new Error('Gantry runs containers on Linux hosts only');
  if (process.getuid?.() !== 0)
    throw new Error('run this as root: containers, namespaces and nftables need it');
  installPackages(programs);
  installModules();
  if (!isBuilt()) await build();
}

function installPackages(programs) {
  const missing = Object.entries(programs).filter(([program]) => !onPath(program));
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name);
  if (!onPath('apt-get'))
    throw new Error(`missing ${missing.map(([p]) => p).join(', ')}: install them and try again`);
  say(`installing ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  apt(['update', '-qq'], env);
  apt(['install', '-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...packages], env);
  const still = missing.filter(([program]) => !onPath(program));
  if (still.length > 0) throw new Error(`apt did not bring ${still.map(([program]) => program).join(', ')}`);
}

function apt(args, env) {
  // Services that packages would start (etcd, nats, registry) are not wanted: the cluster starts its own.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) execFileSync('sh', ['-c', `printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`]);
  try {
    execFileSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    if (ours) execFileSync('rm', ['-f', policy]);
  }
}

function installModules() {
  const stamp = join(root, 'node_modules/.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  say('installing npm modules');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: 'inherit' });
}

/** True if the program can be run by name, also from the sbin directories that a login may leave out. */
export function onPath(program) {
  const dirs = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return dirs.some((dir) => executable(join(dir, program)));
}

function executable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function say(text) {
  process.stderr.write(`gantry: ${text}\n`);
}

export function version() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  await setUp(process.argv.includes('--tests') ? { ...hostPrograms, ...testPrograms } : hostPrograms);
}
