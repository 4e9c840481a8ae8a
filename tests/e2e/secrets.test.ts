import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitForNodes } from '../../packages/cli/src/local/nodes.ts';
import { waitFor } from '../../packages/cli/src/local/wait.ts';
import { root } from '../support/imports.ts';
import { TestCluster, type Ran } from '../support/test-cluster.ts';

/** Values that must be nowhere but in their files and their tasks. */
const canaries = ['canary-one-4c8e1f', 'canary-two-97ab02', 'canary-three-d150b7'] as const;
let cluster: TestCluster;
let files: string;
/** All that the cli has said. */
const said: string[] = [];

beforeAll(async () => {
  cluster = await TestCluster.start('secrets', { logLevel: 'debug' });
  await cluster.loadHello();
  files = join(cluster.directory, 'shop');
  await cp(join(root, 'examples/secrets'), files, { recursive: true });
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** Runs a command, and keeps what it says. */
async function gantry(...argv: readonly string[]): Promise<Ran> {
  const ran = await cluster.gantry(...argv);
  said.push(ran.stdout, ran.stderr);
  return ran;
}

async function apply(password: string, ...flags: readonly string[]): Promise<Ran> {
  await writeFile(join(files, 'db_password.txt'), password);
  return gantry('apply', '-f', join(files, 'compose.yaml'), '--timeout', '60s', ...flags);
}

/** What a shell in the first task says; not kept, for it may say secrets. */
async function inside(line: string): Promise<string> {
  const { stdout, stderr } = await cluster.gantry('exec', 'web.1', '--', 'sh', '-c', line);
  return stdout + stderr;
}

const password = (): Promise<string> => inside('cat /run/secrets/db_password');
const idsOf = async (): Promise<readonly string[]> =>
  (await cluster.running('web')).map(({ id }) => id).sort();

test('a task finds its secret and its config as files in memory that it can only read', async () => {
  expect(await apply(canaries[0])).toMatchObject({ code: 0 });
  expect(await password()).toBe(canaries[0]);
  expect(await inside('cat /www/index.html')).toBe('Hello from a config\n');
  expect(await inside('ls -ln /run/secrets/db_password')).toMatch(/^-r-------- +1 1000 +0 /);
  const mounts = await inside('cat /proc/mounts');
  for (const path of ['/run/secrets/db_password', '/www/index.html'])
    expect(mounts).toMatch(new RegExp(`^\\S+ ${path} tmpfs ro,nosuid,nodev,noexec`, 'm'));
  expect(await inside('echo x > /www/index.html')).toMatch(/Read-only|Permission/);
});

test('the same content makes no new version and touches no task; another one rolls, and is told without its value', async () => {
  const before = await idsOf();
  expect((await apply(canaries[0])).stderr).toContain('shop/web unchanged');
  expect(await idsOf()).toEqual(before);
  await writeFile(join(files, 'db_password.txt'), canaries[1]);
  const file = join(files, 'compose.yaml');
  const diff = '- secret shop_db_password: version 1\n+ secret shop_db_password: version 2\n';
  expect((await gantry('diff', '-f', file)).stdout).toBe(diff.replaceAll('secret', 'shop/web secret'));
  expect((await gantry('plan', '-f', file, '-o', 'json')).stdout).toContain('"secret shop_db_password"');
  expect(await gantry('plan', '-f', file, '--out', join(cluster.directory, 'plan'))).toMatchObject({
    code: 2,
  });
  expect(await apply(canaries[1])).toMatchObject({ code: 0 });
  expect((await idsOf()).filter((id) => before.includes(id))).toEqual([]);
  expect(await password()).toBe(canaries[1]);
  expect((await gantry('history', 'web')).stdout).toContain('secret shop_db_password: version 1 → 2');
  expect((await gantry('diff', 'web', '1', '2')).stdout).toBe(diff);
});

test('an agent that is killed and comes back leaves them as they are, and rollback brings the old version back', async () => {
  const { node = '', id = '' } = (await cluster.running('web')).find(({ slot }) => slot === 1) ?? {};
  await cluster.local.process(`agent-${node}`).kill('SIGKILL');
  cluster.local.process(`agent-${node}`).start();
  await waitForNodes(cluster.local.controllerAddress, 3, 20_000);
  await cluster.untilRunning('web', 2);
  expect(await idsOf()).toContain(id);
  // Its host was not silent for long enough to be anything but ready: it answers again once its agent is back.
  await waitFor(
    'the secret in its task',
    async () => ((await password()) === canaries[1] ? true : undefined),
    10_000,
  );
  expect(await gantry('rollback', 'web', '--to', '1', '--timeout', '60s')).toMatchObject({ code: 0 });
  expect(await password()).toBe(canaries[0]);
});

test('a secret cannot be had back, nor be removed while a service could need it', async () => {
  expect((await gantry('secret', 'ls')).stdout).toMatch(/^shop_db_password +2 +\S+ B +shop +shop\/web/m);
  expect(
    JSON.parse((await gantry('secret', 'inspect', 'shop_db_password', '-o', 'json')).stdout),
  ).toMatchObject({
    versions: [
      { number: 2, usedBy: ['shop/web (revision 2)'] },
      { number: 1, usedBy: ['shop/web'] },
    ],
  });
  const { code, stderr } = await gantry('secret', 'rm', 'shop_db_password');
  expect(stderr).toContain('is used by shop/web, shop/web (revision 2)');
  expect(code).toBe(5);
  expect((await gantry('config', 'inspect', 'shop_page')).stdout).toContain('Hello from a config');
});

test('one that was made by hand is used where a file says external', async () => {
  const source = join(cluster.directory, 'shared.conf');
  await writeFile(source, 'level = 7\n');
  expect(await gantry('config', 'create', 'shared', source)).toMatchObject({ code: 0 });
  const file = join(cluster.directory, 'reader.yaml');
  await writeFile(
    file,
    'services: { reader: { image: hello:1, entrypoint: [cat, /shared], configs: [shared], deploy: { mode: replicated-job } } }\nconfigs: { shared: { external: true } }\n',
  );
  expect(await gantry('apply', '-f', file, '--stack', 'reader', '--timeout', '60s')).toMatchObject({
    code: 0,
  });
  expect((await gantry('logs', 'reader')).stdout).toContain('level = 7');
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('shared', 'shares'));
  const { code, stderr } = await gantry('apply', '-f', file, '--stack', 'reader');
  expect(stderr).toMatch(/reader\.yaml:1:\d+: there is no config shares in the cluster/);
  expect(code).toBe(5);
});

test('a controller without the key, or with another, says so; nothing is lost, and all goes on once it is back', async () => {
  const before = await idsOf();
  const key = join(cluster.local.topology.stateDir, 'controller', 'secret.key');
  await rename(key, `${key}.away`);
  await startControllerAnew();
  const refused = [
    await apply(canaries[2]),
    await gantry('secret', 'create', 'another', join(files, 'db_password.txt')),
  ];
  for (const { code, stderr } of refused) {
    expect(stderr).toContain('lacks the key that the secrets of the cluster are sealed with');
    expect(stderr).toContain('fix: copy it from another controller');
    expect(code).toBe(3);
  }
  await cannotStart();
  await writeFile(key, `${randomBytes(32).toString('base64')}\n`, { mode: 0o400 });
  await startControllerAnew();
  await cannotStart();
  // Those that have it go on.
  expect(await idsOf()).toEqual(before);
  expect(await password()).toBe(canaries[0]);
  await rm(key);
  await rename(`${key}.away`, key);
  const after = await cluster.untilRunning('web', 3, 30_000);
  expect(after.map(({ id }) => id)).toEqual(expect.arrayContaining([...before]));
  const last = await cluster.gantry('exec', 'web.3', '--', 'cat', '/run/secrets/db_password');
  expect(last).toMatchObject({ code: 0, stdout: canaries[0] });
  expect((await gantry('secret', 'ls')).stdout).toMatch(/^shop_db_password +2 /m);
});

async function startControllerAnew(): Promise<void> {
  await cluster.local.process('controller').kill('SIGKILL');
  cluster.local.process('controller').start();
  await waitForNodes(cluster.local.controllerAddress, 3, 30_000);
}

/** A third one is wanted, on the host that has the secret for no other: it does not come up, and says why. */
async function cannotStart(): Promise<void> {
  const { code, stderr } = await gantry('scale', 'web=3', '--timeout', '3s');
  expect(stderr).toMatch(/secret shop_db_password@1 is sealed with key \w+, which is not in \S+secret\.key/);
  expect([4, 124]).toContain(code);
}

test('the values are nowhere on a disk, in a log, in etcd, in anything that was said', async () => {
  for (const argv of [['ls'], ['ps', '--all'], ['describe', 'web'], ['history', 'web'], ['secret', 'ls']])
    await gantry(...argv, '-o', 'json');
  await gantry('why', 'web');
  const { stateDir, runDir } = cluster.local.topology;
  // A config is there, in base64: what is looked for would be found.
  expect(filesWith(Buffer.from('Hello from a config\n').toString('base64'), stateDir)).toContain('/etcd/');
  for (const canary of canaries.flatMap((value) => [value, Buffer.from(value).toString('base64')])) {
    expect(said.filter((text) => text.includes(canary))).toEqual([]);
    for (const dir of [stateDir, runDir]) expect(filesWith(canary, dir), `${canary} below ${dir}`).toBe('');
  }
});

/** Files of one file system with the text in them: what is mounted below is not looked at. */
function filesWith(text: string, dir: string): string {
  const argv = [dir, '-xdev', '-type', 'f', '-exec', 'grep', '-alF', '-e', text, '{}', '+'];
  try {
    return execFileSync('find', argv, { encoding: 'utf8' });
  } catch (error) {
    // grep says 1 where it finds nothing, and find passes that on.
    return (error as { stdout: string }).stdout;
  }
}
