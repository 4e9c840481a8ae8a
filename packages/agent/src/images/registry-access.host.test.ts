import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exec, type Exec } from '@gantry/kit/exec';
import type { RegistryCredential } from '@gantry/model/registry';
import { ImageRig, hello, helloAt, topBlob } from '../../../../tests/support/image-rig.ts';
import { push, startProxy, startRegistry, user, type Registry } from '../../../../tests/support/registry.ts';
import { digestOf } from '../../../../tests/support/tars.ts';

let rig: ImageRig;
beforeAll(async () => (rig = await ImageRig.start()));
afterAll(() => rig.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.clear());

/** A registry that asks who one is. */
let closed: Registry;
beforeAll(async () => {
  closed = await startRegistry({ auth: true });
  await push(closed.host, 'hello', '1', hello);
});
afterAll(() => closed.stop());

describe('a login', () => {
  const given = (credential: Partial<RegistryCredential>) => () =>
    Promise.resolve({ registry: closed.host, ...user, ...credential });

  test('is needed, must be right, and is nowhere on the disk afterwards', async () => {
    await expect(rig.ensure(helloAt(closed.host))).rejects.toMatchObject({
      code: 'not_allowed',
      retryable: false,
    });
    await expect(
      rig.ensure(helloAt(closed.host), await rig.openImages({ credential: given({ password: 'wrong' }) })),
    ).rejects.toMatchObject({ code: 'not_allowed' });
    await expect(
      rig.ensure(helloAt(closed.host), await rig.openImages({ credential: given({}) })),
    ).resolves.toBeTruthy();
    const grep = (text: string): string =>
      execFileSync(
        'sh',
        ['-c', 'grep -rlF -- "$0" "$1" /dev/shm/gantry-* 2>/dev/null || true', text, rig.stateDir],
        { encoding: 'utf8' },
      );
    expect(grep(user.password)).toBe('');
    expect(grep(Buffer.from(`${user.username}:${user.password}`).toString('base64'))).toBe('');
  });

  test('does not follow a layer to another host, neither by a redirect nor by a foreign address', async () => {
    const other = await startProxy(rig.open.host, '127.0.0.2');
    const before = await startProxy(closed.host);
    const credential = given({ registry: before.host });
    try {
      before.meddle = (request, response) => {
        if (!request.url?.includes(digestOf(topBlob)) || request.headers.authorization === undefined)
          return false;
        return Boolean(response.writeHead(307, { location: `http://${other.host}${request.url}` }).end());
      };
      await rig.ensure(helloAt(before.host), await rig.openImages({ credential }));
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
      await rig.images.remove(hello.digest);
      await rig
        .ensure(helloAt(before.host, foreign.digest), await rig.openImages({ credential }))
        .catch(() => undefined);
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
    const named = helloAt(registry.host.replace('127.0.0.1', 'registry.test'));
    const [untrusted, trusted] = [
      knowing('registry.test'),
      knowing('registry.test', { SSL_CERT_FILE: registry.ca }),
    ];
    try {
      await expect(rig.ensure(named, await rig.openImages({ exec: untrusted }))).rejects.toMatchObject({
        code: 'not_allowed',
        message: expect.stringContaining('certificate of the registry is not trusted') as string,
      });
      // It is trusted now, and empty.
      const asked = rig.ensure(named, await rig.openImages({ exec: trusted }));
      await expect(asked).rejects.toMatchObject({ code: 'image_not_found' });
    } finally {
      await registry.stop();
    }
  });

  test('is asked for, unless the registry is on loopback or was named', async () => {
    const named = helloAt(rig.open.host.replace('127.0.0.1', 'registry.test'));
    const plain = await rig.openImages({ exec: knowing('registry.test') });
    await expect(rig.ensure(named, plain)).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('--insecure-registry') as string,
    });
    const [registry = ''] = named.ref.split('/');
    await rig.ensure(
      named,
      await rig.openImages({ exec: knowing('registry.test'), insecureRegistries: [registry] }),
    );
  });
});

/** Runs commands where a name is this machine's own. */
function knowing(name: string, env: Readonly<Record<string, string>> = {}): Exec {
  return (argv, options) => {
    const hosts = join(rig.stateDir, 'hosts');
    writeFileSync(hosts, `127.0.0.1 ${name}\n`);
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    return exec(['unshare', '--mount', 'sh', '-c', script, hosts, ...argv], { ...options, env });
  };
}
