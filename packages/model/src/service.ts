import type { ContentMount } from './content.ts';
import type { HealthSpec } from './health.ts';
import type { RevisionId, ServiceId } from './ids.ts';
import type { Isolation } from './isolation.ts';
import type { Tuning } from './limits.ts';
import type { Moves } from './moves.ts';
import type { Naming } from './naming.ts';
import type { VolumeMount } from './volume.ts';
import type { ServiceNetworking } from './network.ts';
import type { Dependency } from './dependency.ts';
import type { JobSpec, JobStatus } from './job.ts';
import type { Hold, UpdatePolicy, UpdateStatus } from './update.ts';
import type { HardPlacement, Placement } from './placement.ts';
import type { LogSpec } from './logging.ts';

/** A TCP or UDP port that a service opens to the outside. */
export interface PortSpec {
  /** Port inside the container. */
  readonly target: number;
  /** Port on the hosts; 0 asks the cluster to choose one. */
  readonly published: number;
  readonly protocol: 'tcp' | 'udp';
  /** `ingress`: open on every host and balanced over all tasks. `host`: only where a task runs, to that task. */
  readonly mode: 'ingress' | 'host';
  /** The host address to listen on; absent means every address. */
  readonly hostIp?: string;
}

/** Limits the kernel enforces and reservations the scheduler counts. Integers: millicores, bytes, processes. */
export interface Resources {
  readonly cpuMillis?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
}

/** What one container of the service is: everything that, when changed, means a new container. */
export interface ContainerSpec {
  /** Image as the user wrote it, e.g. `nginx:1.27`. */
  readonly image: string;
  /** Replaces the image's ENTRYPOINT when present. */
  readonly entrypoint?: readonly string[];
  /** When the registry is asked what the image is, at each apply: `always` (default), `missing` here, `never`. */
  readonly pullPolicy?: 'always' | 'missing' | 'never';
  /** Replaces the image's CMD when present. */
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  /** `uid[:gid]` or `name[:group]` as found in the image. */
  readonly user?: string;
  readonly hostname?: string;
  readonly readOnly: boolean;
  /** A small init as process 1 that reaps zombies and forwards signals; absent: unless the program is one itself. */
  readonly init?: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** Mount points of memory file systems. */
  readonly tmpfs: readonly string[];
  readonly stopSignal?: string;
  /** Time between the stop signal and SIGKILL, ms. */
  readonly stopGraceMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: Resources;
  readonly reservations: Resources;
  /** A terminal as its output and input. */
  readonly tty?: boolean;
  /** Its input stays open although nobody writes. */
  readonly stdinOpen?: boolean;
  readonly isolation?: Isolation;
  readonly tuning?: Tuning;
  readonly naming?: Naming;
  readonly volumes?: readonly VolumeMount[];
  /** Configs and secrets that it finds as files. */
  readonly contents?: readonly ContentMount[];
  /** Absent: the image's own check, if it has one. */
  readonly health?: HealthSpec;
  /** Absent: the default. */
  readonly logging?: LogSpec;
}

export interface RestartPolicy {
  readonly condition: 'none' | 'on-failure' | 'any';
  /** First delay before a replacement, ms; each further one doubles up to `maxDelayMs`. The first restart is at once. */
  readonly delayMs: number;
  readonly maxDelayMs: number;
  /** Attempts within `windowMs`; absent means no limit. */
  readonly maxAttempts?: number;
  /** A task that ran this long counts as healthy and resets the back-off, ms. */
  readonly windowMs: number;
}

/** What a user wants of one service. Written by `api` only; never changed by the system. */
export interface ServiceSpec {
  readonly stack: string;
  readonly name: string;
  readonly mode: { readonly kind: 'replicated'; readonly replicas: number } | { readonly kind: 'global' };
  readonly container: ContainerSpec;
  readonly ports: readonly PortSpec[];
  /** Absent means the stack's default network (`networkingOf`). */
  readonly networking?: ServiceNetworking;
  readonly restart: RestartPolicy;
  /** Rules over node labels and attributes, e.g. `node.labels.disk==ssd`. */
  readonly constraints: readonly string[];
  /** Absent: nothing but the constraints is asked for. */
  readonly placement?: Placement;
  readonly labels: Readonly<Record<string, string>>;
  /** How it goes over to a new revision; absent: `defaultUpdate`. */
  readonly update?: UpdatePolicy;
  /** How it goes back when that fails; absent: `defaultRollback`. */
  readonly rollback?: UpdatePolicy;
  /** Its tasks are to end; absent: they are to stay up. */
  readonly job?: JobSpec;
  /** Other services of the stack that must be there first. */
  readonly dependsOn?: readonly Dependency[];
  /**
   * Of a task on a host that is cut off: `prefer-one`, another is made only once the host has surely stopped it, and the
   * host does so by itself; `prefer-available` (the default), another is made at once.
   */
  readonly availability?: 'prefer-one' | 'prefer-available';
}

/** What of a spec is not in a revision's own fields: kept with it, so that a rollback restores all. */
export type SpecSettings = Omit<ServiceSpec, 'container' | 'ports' | 'constraints'>;

/** The image of a revision: resolved once, so that all replicas run the same bytes. */
export interface ResolvedImage {
  /** As the user wrote it. */
  readonly ref: string;
  /** Digest of the manifest, `sha256:…`. */
  readonly digest: string;
  /** Where nodes get it: the controller's own image store (`image load`) or a registry. */
  readonly source: 'loaded' | 'registry';
}

/** One immutable version of a service's containers; what tasks name and what a rollback restores. */
export interface Revision {
  readonly kind: 'revision';
  readonly id: RevisionId;
  readonly version: number;
  readonly serviceId: ServiceId;
  /** 1, 2, 3 … within the service. */
  readonly number: number;
  readonly container: ContainerSpec;
  readonly image: ResolvedImage;
  /** Host-mode ports are claimed by the task, so they are part of what a task is. */
  readonly ports: readonly PortSpec[];
  readonly constraints: readonly string[];
  /** The rest of the spec when this revision was made. */
  readonly settings?: SpecSettings;
  /** Why there is this revision, for people: `applied`, `restarted`. */
  readonly cause?: string;
  readonly placement?: HardPlacement;
  /** ms since the epoch. */
  readonly createdAt: number;
}

export interface Service {
  readonly kind: 'service';
  readonly id: ServiceId;
  /** etcd's mod revision as last seen; 0 before the first write. */
  readonly version: number;
  readonly spec: ServiceSpec;
  /** The revision that new tasks run. Written by `api` with the spec. */
  readonly revisionId: RevisionId;
  /** Written by `api` on `rm`: the service and all its tasks go, then the object. */
  readonly removing: boolean;
  /** Written by `api`: a person paused or resumed the update. */
  readonly hold?: Hold;
  /** Written by `api`: tasks that should make way for one on another host. */
  readonly moves?: Moves;
  /** Progress of the newest update; absent until the first revision has come up. Written by `reconcilers/services`. */
  readonly update?: UpdateStatus;
  /** What it waits for before it begins, in words. Written by `reconcilers/services`. */
  readonly waiting?: string;
  /** Runs of a job. Written by `reconcilers/jobs`. */
  readonly job?: JobStatus;
  /** Virtual address, written by `allocate`. */
  readonly vip?: string;
  /** Published ports with zeros replaced, in the spec's order; written by `allocate`. */
  readonly publishedPorts?: readonly PortSpec[];
  /** Restart bookkeeping per slot; written by `reconcilers/services`. */
  readonly restarts: Readonly<Record<string, SlotRestarts>>;
  readonly createdAt: number;
}

/** Restart history of one slot; in the store, so that a new leader does not forget. */
export interface SlotRestarts {
  /** Failures in a row, since the last task that outlived the window. */
  readonly count: number;
  /** When the newest failure was counted, ms since the epoch. */
  readonly lastAt: number;
  /** Task whose end was counted last, so that no end counts twice. */
  readonly lastTask: string;
  /** Revision of that task: a new revision begins without the old one's failures. */
  readonly revisionId: RevisionId;
}

export const defaultRestart: RestartPolicy = {
  condition: 'any',
  delayMs: 1_000,
  maxDelayMs: 60_000,
  windowMs: 600_000,
};

export const defaultStopGraceMs = 10_000;
/** Processes a container may have unless the user says otherwise (hardening default). */
export const defaultPidsLimit = 512;
