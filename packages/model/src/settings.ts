import type { EncryptionMode } from './node.ts';

/** What holds for the whole cluster: one object, so that no two controllers can mean different things. */
export interface ClusterSettings {
  readonly kind: 'settings';
  readonly id: typeof settingsId;
  readonly version: number;
  /** Written by a controller that is started with `--encryption`, when it begins to lead; absent: nobody has said. */
  readonly encryption?: EncryptionMode;
  /** `HOST:PORT` at which others reach the controller that leads, or led last. Written by each when it begins to. */
  readonly leader?: string;
}

/** The id of the one object of kind `settings`. */
export const settingsId = 'cluster';
