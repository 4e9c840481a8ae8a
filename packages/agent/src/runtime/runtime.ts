import type { ProcessIdentity } from '@gantry/kit/process';
import type { DeviceMapping } from '@gantry/model/isolation';
import type { LiveLimits, Tuning } from '@gantry/model/limits';
import type { Resources } from '@gantry/model/service';
import type { ExecPlan, Execution } from './execution.ts';

/** All that a runtime needs to make one container; made by `task/container-plan.ts` from assignment and image. */
export interface ContainerPlan {
  /** The task's id; names the container, its cgroup and its bundle. */
  readonly id: string;
  /** Mounted root file system. */
  readonly rootfs: string;
  /** Path of the network namespace to join, e.g. `/run/netns/gt-…`. */
  readonly netns: string;
  readonly argv: readonly string[];
  /** `NAME=value`, complete. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly hostname: string;
  readonly readOnlyRootfs: boolean;
  readonly init: boolean;
  /** The final set, with `CAP_`. */
  readonly capabilities: readonly string[];
  /** Volumes, files that we made (resolv.conf, hosts), and tmpfs, in the order they are mounted. */
  readonly mounts: readonly ContainerMount[];
  readonly limits: Resources;
  /** Relative share under contention, from the CPU reservation; millicores. */
  readonly cpuReservationMillis?: number;
  /** Memory that is taken from it last, bytes. */
  readonly memoryReservationBytes?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** A file of its log is full at this size, and a new one takes its place; bytes. Absent: never. */
  readonly logMaxBytes?: number;
  readonly domainname?: string;
  /** Absent: input is closed and output a pipe. */
  readonly terminal?: { readonly tty: boolean; readonly stdinOpen: boolean };
  readonly tuning?: Tuning;
  /** Absent: closed. */
  readonly isolation?: PlanIsolation;
}

/** What a container is given beyond the closed default. */
export interface PlanIsolation {
  readonly noNewPrivileges: boolean;
  /** False: every system call. */
  readonly seccomp: boolean;
  /** /proc and /sys are shown as they are. */
  readonly openPaths: boolean;
  /** /sys and the cgroup tree can be written to, and every device of the host is there. */
  readonly hostAccess: boolean;
  /** All capabilities were asked for: those that the host lacks itself are left out. */
  readonly everyCapability: boolean;
  readonly devices: readonly DeviceMapping[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly appArmor?: string;
  readonly oomScoreAdj?: number;
}

export type ContainerMount =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** Nothing in it can be run. */
      readonly noExec?: true;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly readOnly?: boolean;
      readonly sizeBytes?: number;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly exec?: boolean;
    };

/** Limits for a container that runs; the same fields as its plan's. */
export interface ContainerLimits extends LiveLimits {
  readonly cpuReservationMillis?: number;
}

export interface ContainerExit {
  /** 128+n when a signal ended it; absent when nobody saw the end (its monitor was killed, the host restarted). */
  readonly exitCode?: number;
  /** The kernel ended its first process because memory ran out. */
  readonly oom: boolean;
  /** Processes in it that the kernel ended for memory, the first one or others; absent when unknown. */
  readonly oomKills?: number;
  /** ms since the epoch. */
  readonly at: number;
  /** For a person, when it was not a plain exit: `its monitor (conmon) was killed`. */
  readonly note?: string;
}

/** What is on the host for one container id. */
export type ContainerState =
  | { readonly state: 'created'; readonly process: ProcessIdentity }
  | { readonly state: 'running'; readonly process: ProcessIdentity }
  | { readonly state: 'stopped'; readonly exit: ContainerExit }
  /** Traces of a half-made container: to be deleted. */
  | { readonly state: 'broken'; readonly reason: string };

export interface ContainerUsage {
  /** Total CPU time used, microseconds. */
  readonly cpuMicros: number;
  readonly memoryBytes: number;
  readonly pids: number;
}

/**
 * Makes, watches and ends containers; they outlive the agent. Every method is idempotent: already done is success.
 * Implementations: runc under conmon (`runc/`) and one in memory (`fake.ts`); `runtime.contract.ts` holds both.
 */
export interface Runtime {
  /** Every container of ours on this host, also of an earlier agent; the first call adopts and watches them. */
  list(): Promise<ReadonlyMap<string, ContainerState>>;
  /**
   * Creates and starts; resolves once the process runs. Throws a GantryError (`invalid`, `not_found` …) if it cannot, and what
   * `mayStart` throws, which is asked, and waited for, when all is made and nothing runs yet. Then nothing is left.
   */
  run(plan: ContainerPlan, mayStart?: () => Promise<void>): Promise<ProcessIdentity>;
  /** Sends a signal (name with SIG) to the container's first process; nothing happens if it is gone. */
  signal(id: string, signal: string): Promise<void>;
  /** Gives a running container other limits. Throws `conflict` if it uses more than it should get; then nothing changed. */
  update(id: string, limits: ContainerLimits): Promise<void>;
  /** Stops all its processes where they are, until `resume`. `signal` and `delete` wake it. */
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** What this host cannot give a container of this plan, in words; it runs without. */
  shortcomings(plan: ContainerPlan): readonly string[];
  /** Runs one more process in a running container. Throws `conflict` if it does not run. */
  exec(id: string, plan: ExecPlan): Promise<Execution>;
  /** Ends whatever runs and removes every trace: process, monitor, cgroup, bundle. Logs stay. */
  delete(id: string): Promise<void>;
  usage(id: string): Promise<ContainerUsage | undefined>;
  /** Hears each exit once, within milliseconds. */
  onExit(listener: (id: string, exit: ContainerExit) => void): () => void;
  close(): Promise<void>;
}
