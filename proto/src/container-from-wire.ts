import { contentKinds, type ContentMount } from '@gantry/model/content';
import { profiles, type Isolation } from '@gantry/model/isolation';
import type { BlockIo, Tuning } from '@gantry/model/limits';
import type { Naming } from '@gantry/model/naming';
import type { VolumeMount } from '@gantry/model/volume';
import { defined } from './defined.ts';
import type * as wire from './gen/gantry/v1/container.ts';
import { present, word } from './words.ts';

/** What a container may ask of its host, wire to model; empty lists and maps are absent ones. */
export function isolation(value: wire.Isolation): Isolation {
  const { profile, seccomp, systemPaths, userns } = value;
  return defined({
    profile: profile === undefined ? undefined : word('isolation.profile', profile, profiles),
    noNewPrivileges: value.noNewPrivileges,
    seccomp: seccomp === undefined ? undefined : word('isolation.seccomp', seccomp, ['unconfined']),
    systemPaths:
      systemPaths === undefined ? undefined : word('isolation.system_paths', systemPaths, ['unconfined']),
    appArmor: value.appArmor,
    groups: some(value.groups),
    sysctls: someOf(value.sysctls),
    devices: some(value.devices),
    userns: userns === undefined ? undefined : word('isolation.userns', userns, ['auto']),
    oomScoreAdj: value.oomScoreAdj,
  });
}

export function tuning(value: wire.Tuning): Tuning {
  return defined({
    cpuShares: value.cpuShares,
    cpuset: value.cpuset,
    memorySwapBytes: value.memorySwapBytes,
    swappiness: value.swappiness,
    oomKillDisable: value.oomKillDisable,
    shmBytes: value.shmBytes,
    ulimits: someOf(value.ulimits),
    blkio: value.blkio && blkio(value.blkio),
    bandwidth: value.bandwidth && defined({ ...value.bandwidth }),
  });
}

function blkio(value: wire.BlockIo): BlockIo {
  return defined({
    weight: value.weight,
    weightDevices: some(value.weightDevices),
    readBps: some(value.readBps),
    writeBps: some(value.writeBps),
    readIops: some(value.readIops),
    writeIops: some(value.writeIops),
  });
}

export function naming(value: wire.Naming): Naming {
  return defined({
    domainname: value.domainname,
    extraHosts: some(value.extraHosts),
    dns: some(value.dns),
    dnsSearch: some(value.dnsSearch),
    dnsOptions: some(value.dnsOptions),
  });
}

export function volumeMount({ target, readOnly, kind }: wire.VolumeMount): VolumeMount {
  const known = present('volume.kind', kind);
  switch (known.$case) {
    case 'volume': {
      const { source, subpath, noCopy, external, labels } = known.value;
      const optional = defined({ source, subpath, labels: someOf(labels) });
      return { kind: 'volume', target, readOnly, noCopy, external, ...optional };
    }
    case 'bind': {
      const { source, createSource, subpath } = known.value;
      return { kind: 'bind', target, readOnly, source, createSource, ...defined({ subpath }) };
    }
    case 'tmpfs': {
      const { sizeBytes, mode, uid, gid, exec } = known.value;
      return { kind: 'tmpfs', target, readOnly, exec, ...defined({ sizeBytes, mode, uid, gid }) };
    }
  }
}

export function contentMount({
  kind,
  source,
  target,
  uid,
  gid,
  mode,
  number,
}: wire.ContentMount): ContentMount {
  const known = word('content.kind', kind, contentKinds);
  return { kind: known, source, target, uid, gid, mode, ...defined({ number }) };
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length > 0 ? values : undefined;
}

function someOf<T>(values: Readonly<Record<string, T>>): Readonly<Record<string, T>> | undefined {
  return Object.keys(values).length > 0 ? values : undefined;
}
