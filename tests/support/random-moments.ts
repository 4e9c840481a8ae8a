import fc from 'fast-check';
import { noon } from './builders.ts';

/** Long ago, or so short ago that a watch or a back-off still goes on. */
export const moment = fc.oneof(
  fc.integer({ min: noon - 700_000, max: noon }),
  fc.integer({ min: noon - 10_000, max: noon }),
);
