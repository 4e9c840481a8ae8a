import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exec, type Exec } from '@gantry/kit/exec';
import {
  ImageRig,
  base,
  baseBlob,
  hello,
  helloAt,
  top,
  topBlob,
} from '../../../../tests/support/image-rig.ts';
import { build, buildList, push } from '../../../../tests/support/registry.ts';
import { archive, digestOf, file } from '../../../../tests/support/tars.ts';
import { layerName } from './unpack.ts';

let rig: ImageRig;
beforeAll(async () => (rig = await ImageRig.start()));
afterAll(() => rig.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.clear());

describe('a pull', () => {
  test('brings the image, keeps its documents and its unpacked layers, and nothing else', async () => {
    expect(await rig.ensure(helloAt(rig.open.host))).toMatchObject({ command: ['/bin/run'], user: 'nobody' });
    expect(rig.names('layers')).toEqual([base, top].map((layer) => layerName(digestOf(layer))).sort());
    expect(rig.names('blobs/sha256')).toEqual(
      [hello.digest, digestOf(hello.blobs[0] ?? '')].map((one) => one.slice(7)).sort(),
    );
    expect(rig.names('pulls')).toEqual([]);
  });

  test('is not made again by the next agent, also without a registry', async () => {
    await rig.ensure(helloAt(rig.proxy.host));
    rig.proxy.meddle = (_request, response) => Boolean(response.destroy());
    const next = await rig.openImages();
    expect(await rig.ensure(helloAt(rig.proxy.host), next)).toMatchObject({ command: ['/bin/run'] });
  });

  test('is shared by all who wait for it, and goes on for the others when one gives up', async () => {
    const impatient = new AbortController();
    const gaveUp = rig.images.ensure(helloAt(rig.proxy.host), impatient.signal);
    const waiting = Array.from({ length: 8 }, () => rig.ensure(helloAt(rig.proxy.host)));
    impatient.abort();
    await expect(gaveUp).rejects.toMatchObject({ code: 'cancelled' });
    await Promise.all(waiting);
    expect(new Set(rig.blobRequests()).size).toBe(rig.blobRequests().length);
  });

  test('tells how far it is', async () => {
    const told: string[] = [];
    await rig.images.ensure(helloAt(rig.open.host), new AbortController().signal, ({ doing, done, total }) =>
      told.push(`${doing} ${done}/${total}`),
    );
    expect(told[0]).toBe(`pulling 0/${baseBlob.length + topBlob.length}`);
    expect(told.at(-1)).toBe('unpacking 2/2');
  });

  test('does not fetch a layer that another image brought', async () => {
    const other = build({ layers: [base, archive(file('other'))] });
    await push(rig.open.host, 'other', '1', other);
    await rig.ensure(helloAt(rig.proxy.host));
    rig.proxy.seen.length = 0;
    await rig.ensure(helloAt(rig.proxy.host, other.digest, 'other'));
    expect(rig.blobRequests().filter((url) => url.includes(digestOf(baseBlob)))).toEqual([]);
    expect(rig.names('layers')).toHaveLength(3);
  });

  test.each(['zstd', 'none'] as const)('of layers with compression %s', async (compress) => {
    const image = build({ layers: [base, top], compress });
    await push(rig.open.host, compress, '1', image);
    await rig.ensure(helloAt(rig.open.host, image.digest, compress));
    const layer = layerName(digestOf(top));
    expect(readFileSync(join(rig.stateDir, 'images/layers', layer, 'top'), 'utf8')).toContain('top top');
  });

  test('of a list of manifests takes the one for this host, or says which there are', async () => {
    const list = buildList({ arm64: build({ layers: [top] }), amd64: hello });
    await push(rig.open.host, 'hello', build({ layers: [top] }).digest, build({ layers: [top] }));
    await push(rig.open.host, 'hello', 'list', list);
    expect(await rig.ensure(helloAt(rig.open.host, list.digest))).toMatchObject({ user: 'nobody' });
    const riscv = await rig.openImages({ arch: 'riscv64' });
    await riscv.remove(list.digest);
    await expect(rig.ensure(helloAt(rig.open.host, list.digest), riscv)).rejects.toThrow(
      'not made for linux/riscv64, only for linux/arm64, linux/amd64',
    );
  });

  test('goes to a mirror if the host has one for the registry', async () => {
    const home = join(rig.stateDir, 'home');
    mkdirSync(join(home, '.config/containers'), { recursive: true });
    const mirror = `[[registry.mirror]]\nlocation = "${rig.proxy.host}"\ninsecure = true\n`;
    const conf = `[[registry]]\nlocation = "registry.invalid"\n${mirror}`;
    writeFileSync(join(home, '.config/containers/registries.conf'), conf);
    const atHome: Exec = (argv, options) => exec(argv, { ...options, env: { HOME: home } });
    await rig.ensure(helloAt('registry.invalid'), await rig.openImages({ exec: atHome }));
    expect(rig.blobRequests().length).toBeGreaterThan(0);
  });
});
