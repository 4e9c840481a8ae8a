/** What is wrong with one field of a spec. */
export interface Problem {
  /** Where, as in the spec: `ports.0.published`. */
  readonly path: string;
  /** One sentence. */
  readonly message: string;
}

export function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** CVE-2024-21626: a working directory in /proc/self/fd reached the host; targets below these are never wanted. */
export function isSafePath(path: string): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return path.startsWith('/') && !parts.includes('..') && !['proc', 'sys'].includes(parts[0] ?? '');
}

/** A safe path where something can be mounted: not the root itself, nor /dev, which the runtime fills. */
export function isMountTarget(path: string): boolean {
  return isSafePath(path) && !['', 'dev'].includes(path.split('/').filter(Boolean).join('/'));
}

export function isAddress(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}
