import { contentNamePattern, type ContentMount } from './content.ts';
import { isMountTarget, isWhole, type Problem } from './rules.ts';
import type { ContainerSpec } from './service.ts';

/** The greatest uid or gid; the one above means "no change" to the kernel. */
const maxUserId = 2 ** 32 - 2;

/** What is wrong with the configs and secrets of a container; paths as in a container's spec. */
export function contentProblems({
  contents = [],
  volumes = [],
  tmpfs,
}: Pick<ContainerSpec, 'contents' | 'volumes' | 'tmpfs'>): readonly Problem[] {
  const taken = new Set([...tmpfs, ...volumes.map(({ target }) => target)].map(normal));
  return contents.flatMap((mount, index) => {
    const twice = taken.has(normal(mount.target));
    taken.add(normal(mount.target));
    return [...(twice ? [`${mount.target} is mounted twice`] : []), ...mountProblems(mount)].map(
      (message) => ({ path: `contents.${index}`, message }),
    );
  });
}

function mountProblems({ kind, source, target, uid, gid, mode }: ContentMount): readonly string[] {
  return [
    ...(contentNamePattern.test(source)
      ? []
      : [`"${source}" is not a name for a ${kind}: use letters, digits, _ . and -`]),
    ...(isMountTarget(target) && !target.endsWith('/')
      ? []
      : [`"${target}" must be an absolute path of a file, not below /proc or /sys`]),
    ...(isWhole(uid, 0, maxUserId) && isWhole(gid, 0, maxUserId)
      ? []
      : ['uid and gid of a file must be numbers']),
    ...(isWhole(mode, 0, 0o777) ? [] : ['the mode of a file must be octal, up to 777, e.g. 0440']),
  ];
}

function normal(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
