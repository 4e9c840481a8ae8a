import { build, isBuilt } from '../../scripts/build.mjs';

/** Whole-cluster tests run the bundles: never those of an older source. */
export default async function setup() {
  if (!isBuilt()) await build();
}
