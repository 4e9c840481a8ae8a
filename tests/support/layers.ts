import { GantryError } from '@gantry/kit/errors';
import type { Entry } from '../../packages/agent/src/images/layer/entry.ts';
import { LayerFilter } from '../../packages/agent/src/images/layer/filter.ts';
import { readEntry } from '../../packages/agent/src/images/layer/read.ts';
import { defaultLimits, type LayerLimits } from '../../packages/agent/src/images/layer/rules.ts';

/** What the filter lets through, pushed in pieces of these sizes. */
export function filtered(
  bytes: Buffer,
  sizes: readonly number[] = [],
  limits: LayerLimits = defaultLimits,
): Buffer {
  const filter = new LayerFilter(limits);
  const out: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    out.push(...filter.push(bytes.subarray(at, at + size)));
    at += size;
  }
  out.push(...filter.push(bytes.subarray(at)), ...filter.end());
  return Buffer.concat(out);
}

/** The entries of an archive as our reader sees them. */
export function entriesOf(bytes: Buffer): readonly Entry[] {
  const found: Entry[] = [];
  let at = 0;
  for (;;) {
    const reading = readEntry();
    let step = reading.next();
    while (!step.done) {
      const piece = bytes.subarray(at, at + step.value);
      at += piece.length;
      step = reading.next(piece);
    }
    if (!step.value) return found;
    found.push(step.value);
    at += Math.ceil(step.value.size / 512) * 512;
  }
}

/** The words that the filter refuses an archive with; throws what is no refusal. */
export function refusal(bytes: Buffer, limits?: LayerLimits): string {
  try {
    filtered(bytes, [], limits);
  } catch (error) {
    if (error instanceof GantryError && error.code === 'image_refused') return error.message;
    throw error;
  }
  return 'it was let through';
}
