import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../support/imports.ts';
import { runGantry, TestCluster } from '../support/test-cluster.ts';

const example = join(root, 'examples/hello');
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('errors', { hosts: 1 });
  await cluster.loadHello();
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** Writes a Compose file and applies it. */
async function apply(text: string, name = 'compose.yaml') {
  const file = join(cluster.directory, name);
  await writeFile(file, text);
  return { ...(await cluster.gantry('apply', '-f', file, '--stack', 'errors', '--timeout', '60s')), file };
}

async function nothingChanged() {
  expect(await cluster.services()).toEqual([]);
}

test('a missing file is named, and exits with 2', async () => {
  const { code, stderr } = await cluster.gantry('apply', '-f', '/nowhere/compose.yaml');
  expect(code).toBe(2);
  expect(stderr).toContain('/nowhere/compose.yaml does not exist');
});

test('malformed YAML is shown with its line, and exits with 2', async () => {
  const { code, stderr, file } = await apply('services:\n  web:\n    image: "hello:1\n');
  expect(code).toBe(2);
  expect(stderr).toMatch(new RegExp(`${file}:\\d+:\\d+: `));
  await nothingChanged();
});

test('an unknown key is shown with its line and what was meant', async () => {
  const { code, stderr, file } = await apply(
    'services:\n  web:\n    image: hello:1\n    port:\n      - "80:80"\n',
  );
  expect(code).toBe(2);
  expect(stderr).toContain(`${file}:4:5: unknown key "port"`);
  expect(stderr).toContain('did you mean "ports"?');
  await nothingChanged();
});

test('an image that does not exist is refused at its line, before anything is written', async () => {
  const { code, stderr, file } = await apply(
    'services:\n  good:\n    image: hello:1\n  bad:\n    image: 127.0.0.1:1/absent:1\n',
  );
  expect(code).toBe(3);
  expect(stderr).toContain(`${file}:5:12: image 127.0.0.1:1/absent:1 is not loaded`);
  expect(stderr).toContain('gantry image load FILE');
  await nothingChanged();
});

test.each([
  ['logs', 'absent'],
  ['logs', '-f', 'shop/absent'],
  ['exec', 'absent', '--', 'true'],
  ['ps', 'absent'],
  ['why', 'absent'],
])('a name that is not known ends %s %s with 5', async (...argv) => {
  const { code, stderr } = await cluster.gantry(...argv);
  expect(code).toBe(5);
  expect(stderr).toMatch(/^error: there is no .*absent"/);
});

test('a published port that is taken is refused at its line, and names the holder', async () => {
  await cluster.ok('apply', '-f', join(example, 'compose.yaml'));
  const { code, stderr, file } = await apply(
    'services:\n  web:\n    image: hello:1\n    ports:\n      - "8080:80"\n',
  );
  expect(code).toBe(5);
  expect(stderr).toContain(`${file}:5:9: port 8080/tcp of web is taken by hello/hello`);
  expect((await cluster.services()).map(({ stack }) => stack)).toEqual(['hello']);
  await cluster.ok('rm', 'hello');
});

test('a program that the image does not have ends the wait with 4 and says why', async () => {
  const { code, stderr } = await apply(
    'services:\n  web:\n    image: hello:1\n    entrypoint: ["/bin/absent"]\n    deploy: { restart_policy: { delay: 100ms } }\n',
  );
  expect(code).toBe(4);
  expect(stderr).toContain('the image has no program /bin/absent');
  await cluster.ok('rm', 'errors');
  await nothingChanged();
});

test('reservations that no host can give are refused by each host in words', async () => {
  const { code, stderr } = await cluster
    .gantry('apply', '-f', await big(), '--stack', 'errors', '--timeout', '1s')
    .then((ran) => ran);
  expect(code).toBe(124);
  expect(stderr).toMatch(/no host fits: n1: memory: .* free, 1048576 MiB needed/);
  await cluster.ok('rm', 'errors');
});

async function big(): Promise<string> {
  const file = join(cluster.directory, 'big.yaml');
  const memory = '    deploy: { resources: { reservations: { memory: 1T } } }\n';
  await writeFile(file, `services:\n  web:\n    image: hello:1\n${memory}`);
  return file;
}

test('a service that is not there exits with 5 and names those that are', async () => {
  const { code, stderr } = await cluster.gantry('scale', 'absent=2');
  expect(code).toBe(5);
  expect(stderr).toContain('there is no stack or service "absent"');
});

test('a controller that is not there exits with 3 and says what to do', async () => {
  const { code, stderr } = await runGantry(['ls'], { GANTRY_CONTROLLER: '127.0.0.1:1' });
  expect(code).toBe(3);
  expect(stderr).toContain('cannot reach the controller at 127.0.0.1:1');
});

test('a file that is no image is refused', async () => {
  const { code, stderr } = await cluster.gantry('image', 'load', join(example, 'compose.yaml'));
  expect(code).toBe(2);
  expect(stderr).toContain('neither a docker archive nor an OCI archive');
});
