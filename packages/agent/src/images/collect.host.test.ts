import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '@gantry/kit/clock';
import { silentLogger } from '@gantry/kit/log';
import { ImageRig, base, hello, helloAt, top } from '../../../../tests/support/image-rig.ts';
import { build, push } from '../../../../tests/support/registry.ts';
import { archive, digestOf, file } from '../../../../tests/support/tars.ts';
import { Collector, type CollectorDeps } from './collector.ts';
import { layerName } from './unpack.ts';

let rig: ImageRig;
beforeAll(async () => (rig = await ImageRig.start()));
afterAll(() => rig.stop());
beforeEach(() => rig.fresh());
afterEach(() => rig.clear());

describe('a disk above its mark', () => {
  const full = { usedBytes: 90, totalBytes: 100 };
  const marks = { high: 0.85, low: 0, minAgeMs: 0 };
  const other = build({ layers: [base, archive(file('other'))] });
  const collector = (kept: CollectorDeps['kept'], diskUse = full) =>
    new Collector({
      images: rig.images,
      kept,
      marks,
      clock: systemClock,
      log: silentLogger,
      diskUse: () => Promise.resolve(diskUse),
    });
  const nobody = () => Promise.resolve(new Set<string>());

  beforeEach(async () => {
    await push(rig.open.host, 'other', '1', other);
    await rig.ensure(helloAt(rig.open.host));
    await rig.ensure(helloAt(rig.open.host, other.digest, 'other'));
  });

  test('loses images that nothing needs, and only layers that no other image has', async () => {
    await rig.images.mount('task', helloAt(rig.open.host));
    try {
      expect(await collector(nobody).collect()).toMatchObject({ remove: [other.digest] });
      expect(rig.names('layers')).toEqual([base, top].map((layer) => layerName(digestOf(layer))).sort());
      expect(rig.names('blobs/sha256')).toHaveLength(2);
    } finally {
      await rig.images.unmount('task');
    }
    expect((await collector(nobody).collect()).remove).toEqual([hello.digest]);
    expect(rig.names('layers')).toEqual([]);
    await rig.ensure(helloAt(rig.open.host));
  });

  test('keeps what a revision names, and everything while no controller can be asked', async () => {
    const kept = await collector((digests) => Promise.resolve(new Set(digests))).collect();
    expect(kept.remove).toEqual([]);
    await expect(collector(() => Promise.reject(new Error('nobody there'))).collect()).rejects.toThrow(
      'nobody there',
    );
    expect((await collector(nobody, { usedBytes: 85, totalBytes: 100 }).collect()).remove).toEqual([]);
    expect(rig.names('layers')).toHaveLength(3);
  });
});
