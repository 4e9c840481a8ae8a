import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ImageRig, baseBlob, hello, helloAt, topBlob } from '../../../../tests/support/image-rig.ts';
import { type Proxy } from '../../../../tests/support/registry.ts';
import { digestOf } from '../../../../tests/support/tars.ts';

let rig: ImageRig;
beforeAll(async () => (rig = await ImageRig.start()));
afterAll(() => rig.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.clear());

describe('what a registry does wrong is said, and nothing of it is kept', () => {
  const blob = digestOf(topBlob);
  const onBlob = (answer: (response: Parameters<Proxy['meddle']>[1]) => unknown) => {
    rig.proxy.meddle = (request, response) => {
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
    await expect(rig.ensure(helloAt(rig.proxy.host))).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      message: expect.stringContaining('broke in the middle') as string,
    });
    expect(rig.names('layers')).toEqual([]);
    rig.proxy.meddle = () => false;
    rig.proxy.seen.length = 0;
    await rig.ensure(helloAt(rig.proxy.host));
    expect(rig.blobRequests().filter((url) => url.includes(digestOf(baseBlob)))).toEqual([]);
  });

  test('a layer with other bytes', async () => {
    onBlob((response) =>
      response.writeHead(200, { 'content-length': topBlob.length }).end(Buffer.from(topBlob).fill(1, 50, 60)),
    );
    await expect(rig.ensure(helloAt(rig.proxy.host))).rejects.toMatchObject({ code: 'image_refused' });
    expect([rig.names('layers'), rig.names('pulls')]).toEqual([[], []]);
  });

  test('a layer without end', async () => {
    onBlob((response) => {
      response.writeHead(200);
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(1 << 20), () => setImmediate(more));
      };
      more();
    });
    await expect(rig.ensure(helloAt(rig.proxy.host))).rejects.toMatchObject({
      code: 'image_refused',
      message: expect.stringContaining('more bytes than the manifest says') as string,
    });
    expect(rig.names('pulls')).toEqual([]);
  });

  test('a layer that does not come', async () => {
    onBlob((response) => response.writeHead(200, { 'content-length': topBlob.length }).write('x'));
    await expect(
      rig.ensure(helloAt(rig.proxy.host), await rig.openImages({ stallMs: 1_500 })),
    ).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('sent nothing for 1.5 s') as string,
    });
  });

  test('a manifest with other bytes than its digest', async () => {
    rig.proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response
          .writeHead(200, {
            'content-type': 'application/vnd.oci.image.manifest.v1+json',
            'docker-content-digest': hello.digest,
          })
          .end(`${hello.manifest.toString()} `),
      );
    await expect(rig.ensure(helloAt(rig.proxy.host))).rejects.toMatchObject({ code: 'image_refused' });
  });

  test('a manifest that is a list at the same time', async () => {
    const both = Buffer.from(
      JSON.stringify({ ...(JSON.parse(hello.manifest.toString()) as object), manifests: [] }),
    );
    rig.proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }).end(both),
      );
    await expect(rig.ensure(helloAt(rig.proxy.host, digestOf(both)))).rejects.toMatchObject({
      code: 'image_refused',
    });
    expect(existsSync(join(rig.stateDir, 'images/index.json'))).toBe(false);
  });

  test.each([
    [404, 'image_not_found', 'no such image'],
    [403, 'not_allowed', 'refuses access'],
    [500, 'unreachable', ''],
  ])('an answer of %i', async (status, code, words) => {
    const body =
      status === 404 ? '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}' : '{}';
    rig.proxy.meddle = (request, response) =>
      Boolean(
        request.url?.includes('/manifests/') &&
        response.writeHead(status, { 'content-type': 'application/json' }).end(body),
      );
    await expect(rig.ensure(helloAt(rig.proxy.host))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    });
  });

  test('nobody there', async () => {
    await expect(rig.ensure(helloAt('127.0.0.1:1'))).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
    });
  });
});
