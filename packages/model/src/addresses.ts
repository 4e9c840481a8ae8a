/** IPv4 arithmetic on dotted text. Addresses are numbers in between: 0 to 2^32 − 1. */
export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

export interface Cidr {
  readonly first: number;
  /** Addresses in it. */
  readonly size: number;
}

export function parseCidr(text: string): Cidr {
  const [address = '', bits = '32'] = text.split('/');
  const size = 2 ** (32 - Number(bits));
  return { first: Math.floor(toNumber(address) / size) * size, size };
}

export function contains(cidr: Cidr, address: string): boolean {
  const number = toNumber(address);
  return number >= cidr.first && number < cidr.first + cidr.size;
}

/** The `/24`s of a pool in order, without its first (kept for the system). */
export function* subnetsOf(pool: string): Iterable<string> {
  const { first, size } = parseCidr(pool);
  for (let offset = 256; offset < size; offset += 256) yield `${toAddress(first + offset)}/24`;
}

/** Which addresses the cluster uses; the same on every host. */
export interface Pools {
  /** All containers of all hosts: a `/24` for each host is cut from it, but for its first. */
  readonly containerPool: string;
  /** All virtual addresses of services. */
  readonly vipPool: string;
}

export const defaultPools: Pools = { containerPool: '10.210.0.0/16', vipPool: '10.211.0.0/16' };

/** Host addresses of a pool in order, without the network's own and the last. */
export function* addressesOf(pool: string): Iterable<string> {
  const { first, size } = parseCidr(pool);
  for (let offset = 1; offset < size - 1; offset++) yield toAddress(first + offset);
}
