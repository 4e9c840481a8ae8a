import type { Isolation } from '@gantry/model/isolation';
import type { BlockIo, DeviceRate, Tuning } from '@gantry/model/limits';
import type { Naming } from '@gantry/model/naming';
import type { VolumeMount } from '@gantry/model/volume';
import type * as wire from './gen/gantry/v1/container.ts';

/** What a container may ask of its host, model to wire; `container-from-wire.ts` is the way back. */
export function isolation(value: Isolation): wire.Isolation {
  return {
    ...value,
    groups: [...(value.groups ?? [])],
    sysctls: { ...value.sysctls },
    devices: (value.devices ?? []).map((device) => ({ ...device })),
  };
}

export function tuning(value: Tuning): wire.Tuning {
  return {
    ...value,
    ulimits: Object.fromEntries(
      Object.entries(value.ulimits ?? {}).map(([name, limit]) => [name, { ...limit }]),
    ),
    blkio: value.blkio && blkio(value.blkio),
    bandwidth: value.bandwidth && { ...value.bandwidth },
  };
}

function blkio(value: BlockIo): wire.BlockIo {
  return {
    weight: value.weight,
    weightDevices: rates(value.weightDevices),
    readBps: rates(value.readBps),
    writeBps: rates(value.writeBps),
    readIops: rates(value.readIops),
    writeIops: rates(value.writeIops),
  };
}

function rates(values: readonly DeviceRate[] = []): wire.DeviceRate[] {
  return values.map((value) => ({ ...value }));
}

export function naming(value: Naming): wire.Naming {
  return {
    domainname: value.domainname,
    extraHosts: (value.extraHosts ?? []).map((host) => ({ ...host })),
    dns: [...(value.dns ?? [])],
    dnsSearch: [...(value.dnsSearch ?? [])],
    dnsOptions: [...(value.dnsOptions ?? [])],
  };
}

export function volumeMount(mount: VolumeMount): wire.VolumeMount {
  const { target, kind } = mount;
  const both = { target, readOnly: mount.readOnly };
  switch (kind) {
    case 'volume': {
      const value = { ...mount, labels: { ...mount.labels } };
      return { ...both, kind: { $case: 'volume', value } };
    }
    case 'bind':
      return { ...both, kind: { $case: 'bind', value: { ...mount } } };
    case 'tmpfs':
      return { ...both, kind: { $case: 'tmpfs', value: { ...mount } } };
  }
}
