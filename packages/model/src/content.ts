/** What containers find as files: configs can be read by users again, secrets only by the tasks that have them. */
export const contentKinds = ['config', 'secret'] as const;
export type ContentKind = (typeof contentKinds)[number];

/** A config or secret as a file in a container. */
export interface ContentMount {
  readonly kind: ContentKind;
  /** Its name in the cluster, e.g. `shop_db_password`. */
  readonly source: string;
  /** Its version; absent in what users send, for applying it settles which. */
  readonly number?: number;
  /** Absolute path of the file. */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  /** Permissions, e.g. 0o444. */
  readonly mode: number;
}

/** All that is known of one version of a config or secret but its bytes, which never change. */
export interface ContentVersion<K extends ContentKind = ContentKind> {
  readonly kind: K;
  /** `versionId` of name and number. */
  readonly id: string;
  readonly version: number;
  readonly name: string;
  /** 1, 2, 3 … under the name. */
  readonly number: number;
  /** The stack whose file declares it; absent: a user made it by hand. */
  readonly stack?: string;
  /** Bytes. */
  readonly size: number;
  /** ms since the epoch. */
  readonly createdAt: number;
}

/** The bytes of one version; written and deleted with it. */
export interface Payload {
  readonly kind: 'payload';
  /** `payloadId` of its version. */
  readonly id: string;
  readonly version: number;
  readonly of: ContentKind;
  readonly name: string;
  readonly number: number;
  /** Base64; of a secret only sealed. */
  readonly data: string;
  /** The key that a secret is sealed with; a config has none. */
  readonly keyId?: string;
}

/** Docker's own rule: no slash, no leading dot or dash. */
export const contentNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Largest content, bytes (SwarmKit's figures); in base64 the greater one still fits a request of etcd. */
export const maxContentBytes: Readonly<Record<ContentKind, number>> = {
  config: 1_000 * 1_024,
  secret: 500 * 1_024,
};

/** Bytes of all versions together: every controller has them in memory and reads them in pages of etcd's. */
export const maxAllContentBytes = 32 * 2 ** 20;

/** Bytes that one file of services may bring along, so that they fit one call. */
export const maxGivenContentBytes = 12 * 2 ** 20;

/** `shop_db_password@3`. */
export function versionId(name: string, number: number): string {
  return `${name}@${number}`;
}

export function payloadId({ kind, name, number }: Pick<ContentVersion, 'kind' | 'name' | 'number'>): string {
  return `${kind}.${versionId(name, number)}`;
}

/** What a config or secret of a stack is called in the cluster; as with volumes. */
export function contentName(stack: string, key: string): string {
  return `${stack}_${key}`;
}

/** What is wrong with the bytes for a config or secret, in words that say nothing of them; undefined if nothing is. */
export function valueProblem(kind: ContentKind, name: string, bytes: number): string | undefined {
  const most = maxContentBytes[kind];
  if (bytes > most) return `${kind} ${name} is larger than ${most / 1_024} KiB`;
  return kind === 'secret' && bytes === 0 ? `secret ${name} is empty` : undefined;
}

/** The newest of some versions. */
export function newestOf<V extends Pick<ContentVersion, 'number'>>(versions: Iterable<V>): V | undefined {
  let newest: V | undefined;
  for (const one of versions) if (!newest || one.number > newest.number) newest = one;
  return newest;
}
