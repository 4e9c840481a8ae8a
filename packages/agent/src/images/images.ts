import type { HealthSpec } from '@gantry/model/health';
import type { ResolvedImage } from '@gantry/model/service';

/** The parts of an OCI image configuration that a container starts from. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly stopSignal?: string;
  readonly exposedPorts: readonly string[];
  /** Docker's HEALTHCHECK. */
  readonly health?: HealthSpec;
}

/** How far an image is: bytes while it is being pulled, layers while they are unpacked. */
export interface PullProgress {
  readonly doing: 'pulling' | 'unpacking';
  readonly done: number;
  readonly total: number;
}

export type OnProgress = (progress: PullProgress) => void;

/** A mounted root file system. */
export interface Rootfs {
  readonly path: string;
}

/**
 * Images on this host: content-addressed blobs, layers unpacked once, a root file system per container as an overlay
 * of shared layers.
 */
export interface Images {
  /**
   * Makes the image present and unpacked; callers that ask for the same share one pull. Throws GantryErrors
   * (`image_not_found`, `image_refused`, `unreachable` …) with words for `ps`.
   */
  ensure(image: ResolvedImage, signal: AbortSignal, onProgress?: OnProgress): Promise<ImageConfig>;
  /** Mounts a writable root for the container; idempotent. The image must be present. */
  mount(containerId: string, image: ResolvedImage): Promise<Rootfs>;
  /** Unmounts and deletes the container's own layer; idempotent. */
  unmount(containerId: string): Promise<void>;
  /** Containers that have a root mounted or on disk, also from an earlier agent. */
  mounted(): Promise<readonly string[]>;
}

/** Fetches one blob of an image that was loaded into the controller, as bytes. Implemented by the link. */
export type FetchBlob = (digest: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** The ids of a user as named in an image, and of further groups; throws `invalid` in words if the image knows one not. */
export type UserLookup = (
  rootfs: string,
  user: string,
  groups?: readonly string[],
) => Promise<{ readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }>;
