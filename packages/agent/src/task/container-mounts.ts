import type { ContainerSpec } from '@gantry/model/service';
import type { ContainerMount } from '../runtime/runtime.ts';

/** Files on the host that replace the image's own. */
export interface HostFiles {
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
}

/**
 * All mounts of a container, parents before what is mounted in them. `sources`: where on the host each of the spec's volumes,
 * configs and secrets is, by its target; a tmpfs has none.
 */
export function containerMounts(
  { tmpfs, volumes = [], contents = [] }: ContainerSpec,
  files: HostFiles,
  sources: ReadonlyMap<string, string>,
): readonly ContainerMount[] {
  const wanted: readonly ContainerMount[] = [
    ...tmpfs.map((target): ContainerMount => ({ kind: 'tmpfs', target })),
    ...volumes.map((mount): ContainerMount => {
      if (mount.kind === 'tmpfs') return mount;
      const { target, readOnly } = mount;
      return { kind: 'bind', source: sources.get(target) ?? '', target, readOnly };
    }),
    ...contents.map(({ target }): ContainerMount => {
      return { kind: 'bind', source: sources.get(target) ?? '', target, readOnly: true, noExec: true };
    }),
  ];
  const taken = new Set(wanted.map(({ target }) => target));
  const own = ownFiles(files).filter(({ target }) => !taken.has(target));
  // Stable: what has the same depth stays in the order of the file.
  return [...[...wanted].sort((a, b) => depth(a.target) - depth(b.target)), ...own];
}

function ownFiles(files: HostFiles): readonly ContainerMount[] {
  const pairs: readonly (readonly [string, string])[] = [
    [files.resolvConf, '/etc/resolv.conf'],
    [files.hosts, '/etc/hosts'],
    [files.hostname, '/etc/hostname'],
  ];
  return pairs.map(([source, target]) => ({ kind: 'bind', source, target, readOnly: true }));
}

function depth(target: string): number {
  return target.split('/').filter(Boolean).length;
}
