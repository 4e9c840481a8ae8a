// Builds SwarmKit's scheduler with the rows of bench/schedule, from Debian's sources: prints the path of the program.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dir = '/tmp/gantry-swarmkit';
const packages = [
  'golang-go', 'golang-github-docker-go-events-dev', 'golang-github-docker-go-metrics-dev',
  'golang-github-hashicorp-go-memdb-dev', 'golang-github-gogo-protobuf-dev', 'golang-google-grpc-dev',
  'golang-etcd-server-dev', 'golang-github-docker-go-units-dev', 'golang-github-sirupsen-logrus-dev',
  'golang-github-pkg-errors-dev',
]; // prettier-ignore

const run = (program, args, options = {}) =>
  execFileSync(program, args, { stdio: ['ignore', 2, 2], ...options });

const install = ['install', '-y', '--no-install-recommends', '--no-upgrade', ...packages];
refuseUpgrades(install);
run('apt-get', install);
const source = join(dir, 'source');
mkdirSync(dir, { recursive: true });
if (!existsSync(source)) fetchSource();
const gopath = linkPaths();
const scheduler = join(source, 'manager/scheduler');
for (const file of readdirSync(scheduler)) if (file.endsWith('_test.go')) rmSync(join(scheduler, file));
cpSync(join(here, 'rows_test.go.txt'), join(scheduler, 'rows_test.go'));
const program = join(dir, 'rows');
run('go', ['test', '-c', '-o', program, './manager/scheduler'], {
  cwd: join(gopath, 'src/github.com/docker/swarmkit'),
  env: { ...process.env, GO111MODULE: 'off', GOPATH: gopath },
});
console.log(program);

/** A bench brings what it lacks; what is installed, also what that depends on, stays as it is. */
function refuseUpgrades(argv) {
  const told = execFileSync('apt-get', ['--simulate', ...argv], { encoding: 'utf8' });
  const upgraded = [...told.matchAll(/^Inst (\S+) \[/gm)].map(([, name]) => name);
  if (upgraded.length > 0)
    throw new Error(`apt would upgrade ${upgraded.join(', ')}: upgrade them yourself first`);
}

/** The part of the source package that is SwarmKit, by apt with a list of its own. */
function fetchSource() {
  const lists = join(dir, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  const debian = readFileSync('/etc/apt/sources.list.d/debian.sources', 'utf8');
  const sources = join(dir, 'src.sources');
  writeFileSync(sources, debian.replaceAll(/^Types: deb$/gm, 'Types: deb-src'));
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${lists}`,
  ];
  const flags = options.flatMap((option) => ['-o', option]);
  run('apt-get', [...flags, 'update']);
  run('apt-get', [...flags, 'source', '--download-only', 'docker.io'], { cwd: dir });
  const archive = readdirSync(dir).find((file) => file.includes('orig-swarmkit'));
  if (archive === undefined) throw new Error('the source package of docker.io carries no swarmkit');
  mkdirSync(source);
  run('tar', ['xf', join(dir, archive), '-C', source, '--strip-components=2']);
  // Debian's etcd is what the rest of Debian's Go packages fit to.
  rmSync(join(source, 'vendor/github.com/coreos'), { recursive: true, force: true });
}

/** A GOPATH of links: Debian's Go packages, and SwarmKit where it expects to be. */
function linkPaths() {
  const path = join(dir, 'gopath');
  rmSync(path, { recursive: true, force: true });
  const github = join(path, 'src/github.com');
  mkdirSync(join(github, 'docker'), { recursive: true });
  const debian = '/usr/share/gocode/src';
  const link = (from, to, except) => {
    for (const name of readdirSync(from)) if (name !== except) symlinkSync(join(from, name), join(to, name));
  };
  link(debian, join(path, 'src'), 'github.com');
  link(join(debian, 'github.com'), github, 'docker');
  link(join(debian, 'github.com/docker'), join(github, 'docker'), 'swarmkit');
  symlinkSync(source, join(github, 'docker/swarmkit'));
  return path;
}
