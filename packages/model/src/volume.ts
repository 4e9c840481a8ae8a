import { isMountTarget, isWhole, type Problem } from './rules.ts';
import type { ContainerSpec } from './service.ts';

/** A directory of the node's that outlives tasks; the agent owns it. */
export interface NamedVolumeMount {
  readonly kind: 'volume';
  /** Name on the node; absent: it lives and dies with the task. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** A directory in the volume, which is mounted in its place. */
  readonly subpath?: string;
  /** Do not fill a new volume with what the image has at the target. */
  readonly noCopy: boolean;
  /** It must be there already, and is never made. */
  readonly external: boolean;
  /** Given to the volume when it is made. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A file or directory of the host, where the host's agent allows it. */
export interface BindMount {
  readonly kind: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly subpath?: string;
  /** Make the directory if it is not there. */
  readonly createSource: boolean;
}

/** Memory; gone with the container. */
export interface TmpfsMount {
  readonly kind: 'tmpfs';
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes?: number;
  /** Permissions of its root, e.g. 0o1777 (the default). */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Programs in it may be run. */
  readonly exec: boolean;
}

export type VolumeMount = NamedVolumeMount | BindMount | TmpfsMount;

/** A volume that a node holds, as the cluster keeps it. */
export interface HeldVolume {
  readonly name: string;
  /** ms since the epoch. */
  readonly createdAt: number;
}

/** A volume on a node, as its agent tells of it when asked. */
export interface NodeVolume extends HeldVolume {
  readonly labels: Readonly<Record<string, string>>;
  /** Tasks of this node that have it mounted, by id. */
  readonly usedBy: readonly string[];
}

/** What a node's object says of its volumes. Who uses them is not kept: the tasks say it. */
export interface HeldVolumes {
  /** At most `maxHeldVolumes`, sorted by name. */
  readonly held: readonly HeldVolume[];
  /** Those that are there beyond. */
  readonly leftOut: number;
}

/** Bound of what is kept of one node: some 100 KB in its object. */
export const maxHeldVolumes = 1_000;

/** Volumes of a node as its object keeps them. */
export function heldVolumes(all: readonly HeldVolume[]): HeldVolumes {
  const sorted = all
    .map(({ name, createdAt }) => ({ name, createdAt }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { held: sorted.slice(0, maxHeldVolumes), leftOut: Math.max(0, sorted.length - maxHeldVolumes) };
}

/** Whether a node with these volumes has one of that name; that of a stack's `data` is `STACK_data`. */
export function holdsVolume(volumes: HeldVolumes | undefined, name: string): boolean {
  return volumes?.held.some((volume) => volume.name === name) ?? false;
}

/** Docker's own rule: no slash, no leading dot or dash. */
export const volumeNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Names of the volumes that a container keeps data in. */
export function volumesOf({ volumes = [] }: Pick<ContainerSpec, 'volumes'>): readonly string[] {
  return volumes.flatMap((mount) => (mount.kind === 'volume' ? (mount.source ?? []) : []));
}

/** What is wrong with the mounts of a container; paths as in a container's spec. */
export function volumeProblems({
  volumes = [],
  tmpfs,
}: Pick<ContainerSpec, 'volumes' | 'tmpfs'>): readonly Problem[] {
  const targets = new Set(tmpfs.map(normal));
  return volumes.flatMap((mount, index) => {
    const path = `volumes.${index}`;
    const twice = targets.has(normal(mount.target));
    targets.add(normal(mount.target));
    return [
      ...(twice ? [{ path, message: `${mount.target} is mounted twice` }] : []),
      ...(isMountTarget(mount.target)
        ? []
        : [
            {
              path,
              message: `"${mount.target}" must be an absolute path, not / or /dev, and not below /proc or /sys`,
            },
          ]),
      ...mountProblems(mount).map((message) => ({ path, message })),
    ];
  });
}

function mountProblems(mount: VolumeMount): readonly string[] {
  switch (mount.kind) {
    case 'volume':
      return [
        ...(mount.source !== undefined && !volumeNamePattern.test(mount.source)
          ? [`"${mount.source}" is not a name for a volume: use letters, digits, _ . and -`]
          : []),
        ...subpathProblems(mount.subpath),
      ];
    case 'bind':
      return [
        ...(mount.source.startsWith('/') &&
        !mount.source.includes('\0') &&
        !mount.source.split('/').includes('..')
          ? []
          : [`"${mount.source}" must be an absolute path on the host, without ..`]),
        ...subpathProblems(mount.subpath),
      ];
    case 'tmpfs':
      return [
        ...(mount.sizeBytes !== undefined && !isWhole(mount.sizeBytes, 4_096, Number.MAX_SAFE_INTEGER)
          ? ['the size of a tmpfs must be at least 4 KiB']
          : []),
        ...(mount.mode !== undefined && !isWhole(mount.mode, 0, 0o7777)
          ? ['the mode of a tmpfs must be octal, e.g. 1777']
          : []),
      ];
  }
}

function subpathProblems(subpath: string | undefined): readonly string[] {
  if (subpath === undefined) return [];
  const parts = subpath.split('/');
  const sound =
    subpath !== '' && !subpath.startsWith('/') && !parts.includes('..') && !subpath.includes('\0');
  return sound ? [] : [`subpath "${subpath}" must be a relative path without ..`];
}

function normal(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
