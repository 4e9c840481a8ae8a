import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster, type Ran } from '../support/test-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start('rollouts');
  await cluster.loadHello();
});

afterAll(async () => {
  expect(await cluster.stop()).toEqual([]);
});

/** Applies services of the stack `shop`. */
async function apply(services: string, ...flags: readonly string[]): Promise<Ran> {
  const file = join(cluster.directory, 'shop.yaml');
  await writeFile(file, `services:\n${services}`);
  return cluster.gantry('apply', '-f', file, '--stack', 'shop', '--timeout', '60s', ...flags);
}

const update = '{ monitor: 500ms }';
const web = (greeting: string, command = ''): string =>
  `  web: { image: hello:1, init: true, stop_grace_period: 1s, environment: { GREETING: "${greeting}" }, ${command} deploy: { replicas: 2, update_config: ${update} } }\n`;

const idsOf = async (): Promise<readonly string[]> =>
  (await cluster.running('web')).map(({ id }) => id).sort();

describe('updates', () => {
  test('a bad one rolls back by itself, says why, and costs no task', async () => {
    expect(await apply(web('one'))).toMatchObject({ code: 0 });
    const before = await idsOf();
    expect(before).toHaveLength(2);
    const { code, stderr } = await apply(web('two', 'entrypoint: ["/bin/sh", "-c", "exit 7"],'));
    expect(stderr).toContain('rolled back to revision 1: revision 2 failed: web.1: ended with exit code 7');
    expect(code).toBe(4);
    expect(await idsOf()).toEqual(before);
  });

  test('history tells what ran and what failed, and diff what they differ in', async () => {
    const history = await cluster.ok('history', 'web');
    expect(history).toMatch(/^2 .*asked for, and failed$/m);
    expect(history).toMatch(/^1 .*runs$/m);
    const { code, stdout } = await cluster.gantry('diff', 'web', '1', '2');
    expect(code).toBe(1);
    expect(stdout).toContain('- container.env.GREETING: one\n+ container.env.GREETING: two\n');
  });

  test('a good one replaces every task, and rollback brings back an earlier revision as it was', async () => {
    const before = await idsOf();
    expect(await apply(web('three'))).toMatchObject({ code: 0 });
    const after = await idsOf();
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    await cluster.ok('rollback', 'web', '--to', '1');
    const [service] = await cluster.services();
    expect(service).toMatchObject({ revision: 1, ready: 2 });
    const file = join(cluster.directory, 'shop.yaml');
    await writeFile(file, `services:\n${web('one')}`);
    const same = await cluster.gantry('diff', '-f', file, '--stack', 'shop');
    expect(same).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('hosts', () => {
  test('drain moves every task away before it returns, with the replacements ready first', async () => {
    const [victim] = await cluster.running('web');
    const node = victim?.node ?? '';
    const drain = () => cluster.ok('node', 'drain', node, '--timeout', '30s');
    const least = await cluster.leastReady('web', drain);
    const running = await cluster.running('web');
    expect(running).toHaveLength(2);
    expect(running.map((task) => task.node)).not.toContain(node);
    expect(least).toBeGreaterThanOrEqual(2);
    await cluster.ok('node', 'uncordon', node);
  });

  test('labels place tasks, and a host that is up is not forgotten by mistake', async () => {
    const [host] = await cluster.nodes();
    await cluster.ok('node', 'label', host?.name ?? '', 'disk=ssd');
    expect((await cluster.nodes())[0]?.labels).toEqual({ disk: 'ssd' });
    const { code, stderr } = await cluster.gantry('node', 'rm', host?.name ?? '');
    expect(code).toBe(5);
    expect(stderr).toContain(`${host?.name ?? ''} is up`);
  });
});
