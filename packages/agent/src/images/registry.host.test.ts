import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { exec, type Exec } from '@gantry/kit/exec';
import { silentLogger } from '@gantry/kit/log';
import type { RegistryCredential } from '@gantry/model/registry';
import type { ResolvedImage } from '@gantry/model/service';
import {
  build,
  buildList,
  push,
  startProxy,
  startRegistry,
  user,
  type Proxy,
  type Registry,
} from '../../../../tests/support/registry.ts';
import { archive, digestOf, dir, file } from '../../../../tests/support/tars.ts';
import { Collector, type CollectorDeps } from './collector.ts';
import { createImages, type ImagesDeps, type NodeImages } from './node-images.ts';
import { layerName } from './unpack.ts';

let open: Registry;
let closed: Registry;
let proxy: Proxy;
let stateDir: string;
let images: NodeImages;

const base = archive(dir('bin/'), file('bin/run', 'base '.repeat(10_000)));
const top = archive(file('top', 'top '.repeat(50_000)));
const hello = build({ layers: [base, top], config: { Cmd: ['/bin/run'], User: 'nobody' } });
const [, baseBlob = Buffer.alloc(0), topBlob = Buffer.alloc(0)] = hello.blobs;

beforeAll(async () => {
  [open, closed] = await Promise.all([startRegistry(), startRegistry({ auth: true })]);
  await push(open.host, 'hello', '1', hello);
  await push(closed.host, 'hello', '1', hello);
  proxy = await startProxy(open.host);
});

afterAll(async () => {
  await Promise.all([open.stop(), closed.stop(), proxy.stop()]);
});

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'gantry-images-'));
  images = await openImages();
  proxy.meddle = () => false;
  proxy.seen.length = 0;
});

afterEach(() => rmSync(stateDir, { recursive: true }));

function openImages(more: Partial<ImagesDeps> = {}): Promise<NodeImages> {
  return createImages({
    stateDir,
    exec,
    clock: systemClock,
    insecureRegistries: [],
    arch: 'amd64',
    log: silentLogger,
    fetchBlob: () => {
      throw new Error('no image is loaded');
    },
    credential: () => Promise.resolve(undefined),
    ...more,
  });
}

const at = (host: string, digest = hello.digest, name = 'hello'): ResolvedImage => ({
  ref: `${host}/${name}:1`,
  digest,
  source: 'registry',
});
const patient = (): AbortSignal => new AbortController().signal;
const ensure = (image: ResolvedImage, from = images) => from.ensure(image, patient());
const names = (path: string): readonly string[] => readdirSync(join(stateDir, 'images', path)).sort();
const blobRequests = (): readonly string[] =>
  proxy.seen.map(({ url }) => url).filter((url) => url.includes('/blobs/'));

describe('a pull', () => {
  test('brings the image, keeps its documents and its unpacked layers, and nothing else', async () => {
    expect(await ensure(at(open.host))).toMatchObject({ command: ['/bin/run'], user: 'nobody' });
    expect(names('layers')).toEqual([base, top].map((layer) => layerName(digestOf(layer))).sort());
    expect(names('blobs/sha256')).toEqual(
      [hello.digest, digestOf(hello.blobs[0] ?? '')].map((one) => one.slice(7)).sort(),
    );
    expect(names('pulls')).toEqual([]);
  });

  test('is not made again by the next agent, also without a registry', async () => {
    await ensure(at(proxy.host));
    proxy.meddle = (_request, response) => Boolean(response.destroy());
    const next = await openImages();
    expect(await ensure(at(proxy.host), next)).toMatchObject({ command: ['/bin/run'] });
  });

  test('is shared by all who wait for it, and goes on for the others when one gives up', async () => {
    const impatient = new AbortController();
    const gaveUp = images.ensure(at(proxy.host), impatient.signal);
    const waiting = Array.from({ length: 8 }, () => ensure(at(proxy.host)));
    impatient.abort();
    await expect(gaveUp).rejects.toMatchObject({ code: 'cancelled' });
    await Promise.all(waiting);
    expect(new Set(blobRequests()).size).toBe(blobRequests().length);
  });

  test('tells how far it is', async () => {
    const told: string[] = [];
    await images.ensure(at(open.host), patient(), ({ doing, done, total }) =>
      told.push(`${doing} ${done}/${total}`),
    );
    expect(told[0]).toBe(`pulling 0/${baseBlob.length + topBlob.length}`);
    expect(told.at(-1)).toBe('unpacking 2/2');
  });

  test('does not fetch a layer that another image brought', async () => {
    const other = build({ layers: [base, archive(file('other'))] });
    await push(open.host, 'other', '1', other);
    await ensure(at(proxy.host));
    proxy.seen.length = 0;
    await ensure(at(proxy.host, other.digest, 'other'));
    expect(blobRequests().filter((url) => url.includes(digestOf(baseBlob)))).toEqual([]);
    expect(names('layers')).toHaveLength(3);
  });

  test.each(['zstd', 'none'] as const)('of layers with compression %s', async (compress) => {
    const image = build({ layers: [base, top], compress });
    await push(open.host, compress, '1', image);
    await ensure(at(open.host, image.digest, compress));
    const layer = layerName(digestOf(top));
    expect(readFileSync(join(stateDir, 'images/layers', layer, 'top'), 'utf8')).toContain('top top');
  });

  test('of a list of manifests takes the one for this host, or says which there are', async () => {
    const list = buildList({ arm64: build({ layers: [top] }), amd64: hello });
    await push(open.host, 'hello', build({ layers: [top] }).digest, build({ layers: [top] }));
    await push(open.host, 'hello', 'list', list);
    expect(await ensure(at(open.host, list.digest))).toMatchObject({ user: 'nobody' });
    const riscv = await openImages({ arch: 'riscv64' });
    await riscv.remove(list.digest);
    await expect(ensure(at(open.host, list.digest), riscv)).rejects.toThrow(
      'not made for linux/riscv64, only for linux/arm64, linux/amd64',
    );
  });

  test('goes to a mirror if the host has one for the registry', async () => {
    const home = join(stateDir, 'home');
    mkdirSync(join(home, '.config/containers'), { recursive: true });
    const mirror = `[[registry.mirror]]\nlocation = "${proxy.host}"\ninsecure = true\n`;
    const conf = `[[registry]]\nlocation = "registry.invalid"\n${mirror}`;
    writeFileSync(join(home, '.config/containers/registries.conf'), conf);
    const atHome: Exec = (argv, options) => exec(argv, { ...options, env: { HOME: home } });
    await ensure(at('registry.invalid'), await openImages({ exec: atHome }));
    expect(blobRequests().length).toBeGreaterThan(0);
  });
});

describe('a disk above its mark', () => {
  const full = { usedBytes: 90, totalBytes: 100 };
  const marks = { high: 0.85, low: 0, minAgeMs: 0 };
  const other = build({ layers: [base, archive(file('other'))] });
  const collector = (kept: CollectorDeps['kept'], diskUse = full) =>
    new Collector({
      images,
      kept,
      marks,
      clock: systemClock,
      log: silentLogger,
      diskUse: () => Promise.resolve(diskUse),
    });
  const nobody = () => Promise.resolve(new Set<string>());

  beforeEach(async () => {
    await push(open.host, 'other', '1', other);
    await ensure(at(open.host));
    await ensure(at(open.host, other.digest, 'other'));
  });

  test('loses images that nothing needs, and only layers that no other image has', async () => {
    await images.mount('task', at(open.host));
    try {
      expect(await collector(nobody).collect()).toMatchObject({ remove: [other.digest] });
      expect(names('layers')).toEqual([base, top].map((layer) => layerName(digestOf(layer))).sort());
      expect(names('blobs/sha256')).toHaveLength(2);
    } finally {
      await images.unmount('task');
    }
    expect((await collector(nobody).collect()).remove).toEqual([hello.digest]);
    expect(names('layers')).toEqual([]);
    await ensure(at(open.host));
  });

  test('keeps what a revision names, and everything while no controller can be asked', async () => {
    const kept = await collector((digests) => Promise.resolve(new Set(digests))).collect();
    expect(kept.remove).toEqual([]);
    await expect(collector(() => Promise.reject(new Error('nobody there'))).collect()).rejects.toThrow(
      'nobody there',
    );
    expect((await collector(nobody, { usedBytes: 85, totalBytes: 100 }).collect()).remove).toEqual([]);
    expect(names('layers')).toHaveLength(3);
  });
});

describe('a login', () => {
  const given = (credential: Partial<RegistryCredential>) => () =>
    Promise.resolve({ registry: closed.host, ...user, ...credential });

  test('is needed, must be right, and is nowhere on the disk afterwards', async () => {
    await expect(ensure(at(closed.host))).rejects.toMatchObject({ code: 'not_allowed', retryable: false });
    await expect(
      ensure(at(closed.host), await openImages({ credential: given({ password: 'wrong' }) })),
    ).rejects.toMatchObject({ code: 'not_allowed' });
    await expect(ensure(at(closed.host), await openImages({ credential: given({}) }))).resolves.toBeTruthy();
    const grep = (text: string): string =>
      execFileSync(
        'sh',
        ['-c', 'grep -rlF -- "$0" "$1" /dev/shm/gantry-* 2>/dev/null || true', text, stateDir],
        { encoding: 'utf8' },
      );
    expect(grep(user.password)).toBe('');
    expect(grep(Buffer.from(`${user.username}:${user.password}`).toString('base64'))).toBe('');
  });

  test('does not follow a layer to another host, neither by a redirect nor by a foreign address', async () => {
    const other = await startProxy(open.host, '127.0.0.2');
    const before = await startProxy(closed.host);
    const credential = given({ registry: before.host });
    try {
      before.meddle = (request, response) => {
        if (!request.url?.includes(digestOf(topBlob)) || request.headers.authorization === undefined)
          return false;
        return Boolean(response.writeHead(307, { location: `http://${other.host}${request.url}` }).end());
      };
      await ensure(at(before.host), await openImages({ credential }));
      const foreign = withForeignLayer(`http://${other.host}/v2/hello/blobs/${digestOf(topBlob)}`);
      before.meddle = (request, response) => {
        if (!request.url?.includes(foreign.digest) || request.headers.authorization === undefined)
          return false;
        return Boolean(
          response
            .writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
            .end(foreign.manifest),
        );
      };
      await images.remove(hello.digest);
      await ensure(at(before.host, foreign.digest), await openImages({ credential })).catch(() => undefined);
    } finally {
      await Promise.all([other.stop(), before.stop()]);
    }
    expect(before.seen.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
    expect(other.seen.length).toBeGreaterThan(0);
    expect(other.seen.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});

/** The hello image with its second layer at an address of its own. */
function withForeignLayer(url: string): { readonly digest: string; readonly manifest: Buffer } {
  const document = JSON.parse(hello.manifest.toString()) as { layers: Record<string, unknown>[] };
  Object.assign(document.layers[1] ?? {}, {
    urls: [url],
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  });
  const manifest = Buffer.from(JSON.stringify(document));
  return { digest: digestOf(manifest), manifest };
}

describe('TLS', () => {
  test('needs a certificate that the host trusts', async () => {
    const registry = await startRegistry({ tls: true });
    const named = at(registry.host.replace('127.0.0.1', 'registry.test'));
    const [untrusted, trusted] = [
      knowing('registry.test'),
      knowing('registry.test', { SSL_CERT_FILE: registry.ca }),
    ];
    try {
      await expect(ensure(named, await openImages({ exec: untrusted }))).rejects.toMatchObject({
        code: 'not_allowed',
        message: expect.stringContaining('certificate of the registry is not trusted') as string,
      });
      // It is trusted now, and empty.
      const asked = ensure(named, await openImages({ exec: trusted }));
      await expect(asked).rejects.toMatchObject({ code: 'image_not_found' });
    } finally {
      await registry.stop();
    }
  });

  test('is asked for, unless the registry is on loopback or was named', async () => {
    const named = at(open.host.replace('127.0.0.1', 'registry.test'));
    const plain = await openImages({ exec: knowing('registry.test') });
    await expect(ensure(named, plain)).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('--insecure-registry') as string,
    });
    const [registry = ''] = named.ref.split('/');
    await ensure(named, await openImages({ exec: knowing('registry.test'), insecureRegistries: [registry] }));
  });
});

/** Runs commands where a name is this machine's own. */
function knowing(name: string, env: Readonly<Record<string, string>> = {}): Exec {
  return (argv, options) => {
    const hosts = join(stateDir, 'hosts');
    writeFileSync(hosts, `127.0.0.1 ${name}\n`);
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    return exec(['unshare', '--mount', 'sh', '-c', script, hosts, ...argv], { ...options, env });
  };
}

describe('what a registry does wrong is said, and nothing of it is kept', () => {
  const blob = digestOf(topBlob);
  const onBlob = (answer: (response: Parameters<Proxy['meddle']>[1]) => unknown) => {
    proxy.meddle = (request, response) => {
      if (!request.url?.includes(`/blobs/${blob}`)) return false;
      answer(response);
      return true;
    };
  };

  test('a layer that ends in the middle: the whole ones are kept for the next attempt', async () => {
    onBlob((response) => {
      response.writeHead(200, { 'content-length': topBlob.length });
      response.write(topBlob.subarray(0, 100), () => response.destroy());
    });
    await expect(ensure(at(proxy.host))).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      message: expect.stringContaining('broke in the middle') as string,
    });
    expect(names('layers')).toEqual([]);
    proxy.meddle = () => false;
    proxy.seen.length = 0;
    await ensure(at(proxy.host));
    expect(blobRequests().filter((url) => url.includes(digestOf(baseBlob)))).toEqual([]);
  });

  test('a layer with other bytes', async () => {
    onBlob((response) =>
      response.writeHead(200, { 'content-length': topBlob.length }).end(Buffer.from(topBlob).fill(1, 50, 60)),
    );
    await expect(ensure(at(proxy.host))).rejects.toMatchObject({ code: 'image_refused' });
    expect([names('layers'), names('pulls')]).toEqual([[], []]);
  });

  test('a layer without end', async () => {
    onBlob((response) => {
      response.writeHead(200);
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(1 << 20), () => setImmediate(more));
      };
      more();
    });
    await expect(ensure(at(proxy.host))).rejects.toMatchObject({
      code: 'image_refused',
      message: expect.stringContaining('more bytes than the manifest says') as string,
    });
    expect(names('pulls')).toEqual([]);
  });

  test('a layer that does not come', async () => {
    onBlob((response) => response.writeHead(200, { 'content-length': topBlob.length }).write('x'));
    await expect(ensure(at(proxy.host), await openImages({ stallMs: 1_500 }))).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('sent nothing for 1.5 s') as string,
    });
  });

  test('a manifest with other bytes than its digest', async () => {
    proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response
          .writeHead(200, {
            'content-type': 'application/vnd.oci.image.manifest.v1+json',
            'docker-content-digest': hello.digest,
          })
          .end(`${hello.manifest.toString()} `),
      );
    await expect(ensure(at(proxy.host))).rejects.toMatchObject({ code: 'image_refused' });
  });

  test('a manifest that is a list at the same time', async () => {
    const both = Buffer.from(
      JSON.stringify({ ...(JSON.parse(hello.manifest.toString()) as object), manifests: [] }),
    );
    proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }).end(both),
      );
    await expect(ensure(at(proxy.host, digestOf(both)))).rejects.toMatchObject({ code: 'image_refused' });
    expect(existsSync(join(stateDir, 'images/index.json'))).toBe(false);
  });

  test.each([
    [404, 'image_not_found', 'no such image'],
    [403, 'not_allowed', 'refuses access'],
    [500, 'unreachable', ''],
  ])('an answer of %i', async (status, code, words) => {
    const body =
      status === 404 ? '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}' : '{}';
    proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response.writeHead(status, { 'content-type': 'application/json' }).end(body),
      );
    await expect(ensure(at(proxy.host))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    });
  });

  test('nobody there', async () => {
    await expect(ensure(at('127.0.0.1:1'))).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });
});
