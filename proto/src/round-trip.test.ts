import fc from 'fast-check';
import { expect, test } from 'vitest';

import { heldVolumes, type HeldVolumes } from '@gantry/model/volume';
import * as fromModel from './from-model.ts';
import * as types from './gen/gantry/v1/types.ts';
import * as wireVolumes from './gen/gantry/v1/volume.ts';
import * as toModel from './to-model.ts';
import { specs, statuses } from '../../tests/support/random-specs.ts';

test('a service spec survives the wire unchanged', () => {
  fc.assert(
    fc.property(specs, (spec) => {
      const bytes = types.ServiceSpec.encode(fromModel.serviceSpec(spec)).finish();
      expect(toModel.serviceSpec(types.ServiceSpec.decode(bytes))).toEqual(spec);
    }),
  );
});

test('a task status survives the wire unchanged', () => {
  fc.assert(
    fc.property(statuses, (status) => {
      const bytes = types.TaskStatus.encode(fromModel.taskStatus(status)).finish();
      expect(toModel.taskStatus(types.TaskStatus.decode(bytes))).toEqual(status);
    }),
  );
});

test('the volumes of a node survive the wire unchanged, and their bound holds there, too', () => {
  const send = (volumes: HeldVolumes): HeldVolumes =>
    toModel.heldVolumes(
      wireVolumes.HeldVolumes.decode(wireVolumes.HeldVolumes.encode(fromModel.heldVolumes(volumes)).finish()),
    );
  const many = Array.from({ length: 1_200 }, (_, index) => ({ name: `v${index}`, createdAt: index }));
  for (const kept of [heldVolumes(many.slice(0, 3)), heldVolumes(many)]) expect(send(kept)).toEqual(kept);
  expect(send({ held: many, leftOut: 5 })).toMatchObject({ held: heldVolumes(many).held, leftOut: 205 });
});

test('an unknown word is refused by name', () => {
  expect(() => toModel.taskStatus({ state: 'dancing', at: 0, reason: '', ready: false })).toThrow(
    /status.state is "dancing"/,
  );
});
