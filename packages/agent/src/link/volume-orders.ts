import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { RelayVolumesOrder, VolumeResult } from '@gantry/proto/gen/gantry/v1/volume';
import type { Volumes } from '../volumes/volumes.ts';

export type OrderedVolumes = Pick<Volumes, 'list' | 'create' | 'remove'>;

/** Carries out what a user wants of volumes here: one after another, each with its own answer; never throws. */
export async function carryOut(
  volumes: OrderedVolumes,
  { action, names, labels }: RelayVolumesOrder,
): Promise<VolumeResult[]> {
  const results: VolumeResult[] = [];
  for (const name of names) {
    try {
      results.push(await one(volumes, action, name, labels));
    } catch (cause) {
      const { code, message } = asGantryError(cause);
      results.push({ name, code, words: message, volume: undefined });
    }
  }
  return results;
}

async function one(
  volumes: OrderedVolumes,
  action: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<VolumeResult> {
  const done = { name, code: '', words: '', volume: undefined };
  switch (action) {
    case 'create':
      await volumes.create(name, labels);
      return done;
    case 'remove':
      await volumes.remove(name);
      return done;
    case 'inspect': {
      const volume = (await volumes.list()).find((known) => known.name === name);
      if (!volume) throw new GantryError('not_found', `there is no volume ${name} on this node`);
      return { ...done, volume: { ...volume, labels: { ...volume.labels }, usedBy: [...volume.usedBy] } };
    }
    default:
      throw new GantryError(
        'invalid',
        `this agent does not know how to ${action} a volume; it is older than the controller`,
      );
  }
}
