/** A string that the type system keeps apart from other strings. */
type Branded<Name extends string> = string & { readonly __brand?: Name };

export type NodeId = Branded<'node'>;
export type ServiceId = Branded<'service'>;
export type TaskId = Branded<'task'>;
export type RevisionId = Branded<'revision'>;

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
const idLength = 12;

/**
 * An id of 12 characters `[0-9a-z]` from random bytes (at least 12 of them): about 62 bits, short enough for
 * a column and for the name of a network interface's suffix.
 */
export function idFromBytes(bytes: Uint8Array): string {
  let id = '';
  for (let i = 0; i < idLength; i++) id += alphabet.charAt((bytes[i] ?? 0) % alphabet.length);
  return id;
}

/** What stack, service and node names must look like (RFC 1123 label, so that each is also a DNS name). */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The full name users see and type: `stack/service`. */
export function qualifiedName(stack: string, service: string): string {
  return `${stack}/${service}`;
}
