import { marks } from './address-plan.ts';

/**
 * A service's slots: each new connection falls into one, each leads to one task. Up to 64 tasks have a slot each, so all
 * get the same share; more share a power of two of at least four times their number, so that shares differ by a quarter
 * at most. `hashed`: the slot follows from the client's address.
 */
export interface SlotClass {
  readonly slots: number;
  readonly hashed: boolean;
}

const exact = 64;
const most = 4_096;
const powers = [64, 128, 256, 512, 1_024, 2_048, most];
const hashedFlag = 0x1_0000;

export function slotClass(backends: number, hashed: boolean): SlotClass {
  if (!hashed && backends <= exact) return { slots: backends, hashed };
  return { slots: powers.find((power) => power >= backends * 4) ?? most, hashed };
}

/** The number that stands for a class in the maps. */
export function classCode({ slots, hashed }: SlotClass): number {
  return hashed ? slots + hashedFlag : slots;
}

/** The mark of one slot. */
export function slotMark(slot: number): string {
  return `0x${(marks.slot + slot).toString(16)}`;
}

/** Chains that turn a class's number (in the mark) into the mark of one of its slots. The same for all services. */
export function slotChains(): readonly string[] {
  const drawn = [...Array.from({ length: exact }, (_, index) => index + 1), ...powers.slice(1)];
  const classes: readonly SlotClass[] = [
    ...drawn.map((slots) => ({ slots, hashed: false })),
    ...powers.map((slots) => ({ slots, hashed: true })),
  ];
  const jumps = classes.map((one) => `${classCode(one)} : goto ${chainName(one)}`);
  return [
    ...classes.map((one) => `chain ${chainName(one)} { meta mark set ${choice(one)}; }`),
    `chain slot { meta mark vmap { ${jumps.join(', ')} }; }`,
  ];
}

function chainName({ slots, hashed }: SlotClass): string {
  return `${hashed ? 'hash' : 'draw'}_${slots}`;
}

/** The same client falls into the same slot on every host: the seed is a constant. */
function choice({ slots, hashed }: SlotClass): string {
  if (hashed) return `jhash ip saddr mod ${slots} seed 0x4210 offset ${marks.slot}`;
  return slots === 1 ? String(marks.slot) : `numgen random mod ${slots} offset ${marks.slot}`;
}

/**
 * Which backend each slot leads to, as indexes. Hashed: each slot to the backend with the highest score for it, so that a
 * backend that comes or goes moves only its own slots. Else in turn; `seed` differs by host, for the case that there
 * are more backends than slots.
 */
export function slotTable(ids: readonly string[], wanted: SlotClass, seed: number): readonly number[] {
  const { slots, hashed } = wanted;
  return Array.from({ length: slots }, (_, slot) =>
    hashed ? highest(ids, slot) : (slot + seed * (ids.length > slots ? slots : 0)) % ids.length,
  );
}

function highest(ids: readonly string[], slot: number): number {
  let [best, bestScore] = [0, -1];
  ids.forEach((id, index) => {
    const score = hash(`${id} ${slot}`);
    if (score > bestScore) [best, bestScore] = [index, score];
  });
  return best;
}

/** FNV-1a with a final mix, 32 bits: spreads, and is the same everywhere. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x0100_0193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
