/** Exponential delay in ms: `base`, doubling with each failure, never above `max`. `failures` counts from 1. */
export function backoffMs(failures: number, base: number, max: number): number {
  return Math.min(max, base * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/** Spreads a delay over ±20 % so that many waiters do not return together; `random` in [0, 1). */
export function jitter(ms: number, random: number): number {
  return Math.round(ms * (0.8 + 0.4 * random));
}
