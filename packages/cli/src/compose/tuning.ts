import type { Node } from 'yaml';
import type { Bandwidth, BlockIo, DeviceRate, Tuning, Ulimit } from '@gantry/model/limits';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined, some, someOf } from './units.ts';
import { bitRate, integer, size, whole } from './values.ts';

/** Limits beyond processors, memory and processes; undefined for the default. */
export function readTuning(doc: ComposeDocument, node: Node | undefined): Tuning | undefined {
  const get = (key: string): Node | undefined => doc.get(node, key);
  const tuning: Tuning = defined({
    cpuShares: whole(doc, get('cpu_shares'), 'cpu_shares'),
    cpuset: doc.text(get('cpuset'), 'cpuset')?.replaceAll(' ', ''),
    memorySwapBytes: readSwap(doc, get('memswap_limit')),
    swappiness: whole(doc, get('mem_swappiness'), 'mem_swappiness'),
    oomKillDisable: doc.boolean(get('oom_kill_disable'), 'oom_kill_disable') || undefined,
    shmBytes: size(doc, get('shm_size'), 'shm_size'),
    ulimits: someOf(readUlimits(doc, get('ulimits'))),
    blkio: readBlkio(doc, get('blkio_config')),
    bandwidth: readBandwidth(doc, doc.get(node, 'x-gantry', 'bandwidth')),
  });
  return someOf(tuning);
}

/** Memory and swap together; 0 is as good as nothing (Docker's rule), -1 no limit of swap. */
function readSwap(doc: ComposeDocument, node: Node | undefined): number | undefined {
  if (doc.text(node, 'memswap_limit') === '-1') return -1;
  return size(doc, node, 'memswap_limit') || undefined;
}

/** `nofile: 20000`, or `nofile: {soft: 1024, hard: 20000}`. */
function readUlimits(doc: ComposeDocument, node: Node | undefined): Record<string, Ulimit> {
  return Object.fromEntries(
    doc.entries(node, 'ulimits').flatMap(({ key, keyNode, value }): [string, Ulimit][] => {
      if (!doc.isMap(value)) {
        const both = integer(doc, value, key);
        return both === undefined ? [] : [[key, { soft: both, hard: both }]];
      }
      checkKeys(doc, value, 'ulimits', `ulimit ${key}`);
      const [soft, hard] = ['soft', 'hard'].map((name) => integer(doc, doc.get(value, name), name));
      if (soft !== undefined && hard !== undefined) return [[key, { soft, hard }]];
      doc.problem(keyNode, `ulimit ${key} needs soft and hard`, 'or write one number for both');
      return [];
    }),
  );
}

/** `10mbit` for both ways, or `{egress: 10mbit, ingress: 1gbit}`: what it sends, what it receives. */
function readBandwidth(doc: ComposeDocument, node: Node | undefined): Bandwidth | undefined {
  if (!doc.isMap(node)) {
    const both = bitRate(doc, node, 'bandwidth');
    return both === undefined ? undefined : { egressBits: both, ingressBits: both };
  }
  checkKeys(doc, node, 'x-gantry.bandwidth', 'bandwidth');
  const [egressBits, ingressBits] = ['egress', 'ingress'].map((key) => bitRate(doc, doc.get(node, key), key));
  return someOf(defined({ egressBits, ingressBits }));
}

function readBlkio(doc: ComposeDocument, node: Node | undefined): BlockIo | undefined {
  checkKeys(doc, node, 'blkio_config', 'blkio_config');
  const rates = (
    key: string,
    what: 'rate' | 'weight',
    parse: typeof size,
  ): readonly DeviceRate[] | undefined =>
    some(
      doc.items(doc.get(node, key), key).flatMap((item): DeviceRate[] => {
        checkKeys(
          doc,
          item,
          what === 'rate' ? 'blkio_config.rate' : 'blkio_config.weight',
          `an entry of ${key}`,
        );
        const [path, rate] = [doc.text(doc.get(item, 'path'), 'path'), parse(doc, doc.get(item, what), what)];
        if (path !== undefined && rate !== undefined) return [{ path, rate }];
        doc.problem(item, `an entry of ${key} needs path and ${what}`);
        return [];
      }),
    );
  return someOf(
    defined({
      weight: whole(doc, doc.get(node, 'weight'), 'weight'),
      weightDevices: rates('weight_device', 'weight', whole),
      readBps: rates('device_read_bps', 'rate', size),
      writeBps: rates('device_write_bps', 'rate', size),
      readIops: rates('device_read_iops', 'rate', whole),
      writeIops: rates('device_write_iops', 'rate', whole),
    }),
  );
}
