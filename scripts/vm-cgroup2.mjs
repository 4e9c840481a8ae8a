// `npm run test:cgroup2 [-- FILES]`: host tests of the runtime on a kernel that knows cgroup v2 alone, in a virtual machine
// without hardware support: Debian's kernel, this machine's files read-only below a memory overlay. Minutes, on one core.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const dir = '/var/tmp/gantry-vm-cgroup2';
const timeoutMs = Number(process.env.VM_TIMEOUT_S ?? 1800) * 1_000;
const runc = 'packages/agent/src/runtime/runc';
const wanted = process.argv.slice(2);
const files =
  wanted.length > 0
    ? wanted
    : ['profiles', 'running', 'oom', 'init', 'exec', 'runc-faults'].map(
        (name) => `${runc}/${name}.host.test.ts`,
      );
const needs = {
  'qemu-system-x86_64': 'qemu-system-x86',
  depmod: 'kmod',
  cpio: 'cpio',
  busybox: 'busybox-static',
  'dpkg-deb': 'dpkg',
};

const run = (file, args, more = {}) => execFileSync(file, args, { encoding: 'utf8', ...more });

function refuseMissing() {
  const missing = Object.keys(needs).filter(
    (name) => !process.env.PATH.split(':').some((path) => existsSync(join(path, name))),
  );
  if (missing.length === 0) return;
  console.error(
    `missing: ${missing.join(', ')}\nfix: apt-get install --no-install-recommends ${missing.map((name) => needs[name]).join(' ')}`,
  );
  process.exit(2);
}

/** Debian's kernel package, unpacked once and kept. */
function kernel() {
  const tree = join(dir, 'kernel');
  if (!existsSync(join(tree, 'done'))) {
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(tree, { recursive: true });
    const name = /linux-image-[0-9]\S+/.exec(run('apt-cache', ['depends', 'linux-image-amd64']))?.[0];
    run('apt-get', ['download', name], { cwd: tree, stdio: 'inherit' });
    const deb = readdirSync(tree).find((file) => file.endsWith('.deb'));
    run('dpkg-deb', ['-x', join(tree, deb), tree]);
    rmSync(join(tree, deb));
    writeFileSync(join(tree, 'done'), '');
  }
  const version = readdirSync(join(tree, 'lib/modules'))[0];
  run('depmod', ['-b', tree, version]);
  return { tree, version, image: join(tree, `boot/vmlinuz-${version}`) };
}

/** What the machine begins with: modules for its disk, which is this machine's root, and the way over to it. */
function initrd({ tree, version }) {
  const at = join(dir, 'initrd');
  rmSync(at, { recursive: true, force: true });
  for (const part of ['bin', 'mods', 'proc', 'sys', 'dev', 'lower', 'rw', 'new'])
    mkdirSync(join(at, part), { recursive: true });
  copyFileSync('/usr/bin/busybox', join(at, 'bin/busybox'));
  const said = ['9p', '9pnet_virtio', 'virtio_pci', 'virtio_blk', 'ext4', 'overlay']
    .map((name) => run('modprobe', ['-S', version, '-d', tree, '--show-depends', name]))
    .join('');
  const modules = [...new Set([...said.matchAll(/^insmod (\S+)/gm)].map(([, path]) => path))];
  modules.forEach((path, index) =>
    copyFileSync(path, join(at, 'mods', `${String(index).padStart(2, '0')}-${basename(path)}`)),
  );
  writeFileSync(join(at, 'init'), begin);
  chmodSync(join(at, 'init'), 0o755);
  run('sh', ['-c', 'find . | cpio -o -H newc --quiet | gzip -1 > ../initrd.gz'], { cwd: at });
  return join(dir, 'initrd.gz');
}

const begin = `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in /mods/*; do insmod $m; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose root /lower
mount -t tmpfs -o size=1500m tmpfs /rw; mkdir /rw/up /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work overlay /new
for d in proc sys dev; do mount --move /$d /new/$d; done
mkdir -p /new/dev/pts /new/dev/shm; mount -t devpts devpts /new/dev/pts; mount -t tmpfs shm /new/dev/shm
mount -t tmpfs run /new/run; mkdir -p /new/run/netns
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
exec switch_root /new /bin/bash ${join(dir, 'guest.sh')}
`;

const guest = ({ tree }) => `export PATH=${process.env.PATH} HOME=/root NO_COLOR=1 CI=1
mkdir -p /lib/modules; ln -sfn ${tree}/lib/modules/$(uname -r) /lib/modules/$(uname -r)
mkdir -p /mnt/tests; mount /dev/vda /mnt/tests; export TMPDIR=/mnt/tests
modprobe loop; modprobe fuse
ip link set lo up
echo "a machine with $(uname -r), cgroup v2: $(cat /sys/fs/cgroup/cgroup.controllers)"
cd ${root}
node_modules/.bin/vitest run --project host ${files.map((file) => `'${file}'`).join(' ')} --testTimeout=300000 --hookTimeout=300000 --reporter=verbose
echo "GUEST exit $?"
echo o > /proc/sysrq-trigger; sleep 60
`;

refuseMissing();
mkdirSync(dir, { recursive: true });
const found = kernel();
// A disk for what the tests write: memory would be counted as theirs.
run('truncate', ['--size=2G', join(dir, 'disk')]);
run('mkfs.ext4', ['-q', '-F', join(dir, 'disk')]);
writeFileSync(join(dir, 'guest.sh'), guest(found));
const machine = spawn(
  'nice',
  [
    '-n',
    '10',
    'qemu-system-x86_64',
    '-cpu',
    'max',
    '-accel',
    'tcg,thread=single',
    '-smp',
    '2',
    '-m',
    '3072',
    '-nographic',
    '-no-reboot',
    '-net',
    'none',
    '-kernel',
    found.image,
    '-initrd',
    initrd(found),
    '-append',
    'console=ttyS0 quiet panic=-1 cgroup_no_v1=all',
    '-drive',
    `file=${join(dir, 'disk')},format=raw,if=virtio`,
    '-virtfs',
    'local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap',
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const timer = setTimeout(() => machine.kill('SIGKILL'), timeoutMs);
let code = 1;
let line = '';
machine.stdout.setEncoding('utf8').on('data', (text) => {
  const lines = (line + text).split('\n');
  line = lines.pop() ?? '';
  for (const said of lines.map((one) => one.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|[\r\u001b]/g, ''))) {
    const end = /^GUEST exit (\d+)/.exec(said)?.[1];
    if (end === undefined) console.log(said);
    else code = Number(end);
  }
});
machine.once('close', () => {
  clearTimeout(timer);
  process.exit(code);
});
