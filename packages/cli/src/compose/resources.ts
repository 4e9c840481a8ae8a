import type { Node } from 'yaml';
import type { Resources } from '@gantry/model/service';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined, parseCores, parseSize } from './units.ts';
import { cores, size, whole } from './values.ts';

interface Both {
  readonly limits: Resources;
  readonly reservations: Resources;
}

/** Limits and reservations of a service: `deploy.resources`, Compose's older keys, and `resources:` of `gantry.yaml`. */
export function readResources(doc: ComposeDocument, node: Node | undefined, sugar: boolean): Both {
  const short = sugar ? readRanges(doc, doc.get(node, 'resources')) : { limits: {}, reservations: {} };
  const long = doc.get(node, 'deploy', 'resources');
  const [limits, reservations] = [doc.get(long, 'limits'), doc.get(long, 'reservations')];
  checkKeys(doc, long, 'deploy.resources', 'deploy.resources');
  checkKeys(doc, limits, 'deploy.resources.limits', 'deploy.resources.limits');
  checkKeys(doc, reservations, 'deploy.resources.reservations', 'deploy.resources.reservations');
  const either = (from: Node | undefined, key: string, old: string): Node | undefined =>
    doc.get(from, key) ?? doc.get(node, old);
  return {
    limits: {
      ...short.limits,
      ...defined({
        cpuMillis: cores(doc, either(limits, 'cpus', 'cpus'), 'cpus'),
        memoryBytes: size(doc, either(limits, 'memory', 'mem_limit'), 'memory'),
        pids: whole(doc, either(limits, 'pids', 'pids_limit'), 'pids'),
      }),
    },
    reservations: {
      ...short.reservations,
      ...defined({
        cpuMillis: cores(doc, doc.get(reservations, 'cpus'), 'cpus'),
        memoryBytes: size(doc, either(reservations, 'memory', 'mem_reservation'), 'memory'),
      }),
    },
  };
}

/** `resources: {cpus: 0.1..0.5, memory: 128M..256M}`: what is reserved, and the limit; one value is both. */
function readRanges(doc: ComposeDocument, node: Node | undefined): Both {
  checkKeys(doc, node, 'resources', 'resources');
  const [cpuLow, cpuHigh] = range(doc, doc.get(node, 'cpus'), 'cpus', parseCores);
  const [memoryLow, memoryHigh] = range(doc, doc.get(node, 'memory'), 'memory', parseSize);
  return {
    limits: defined({ cpuMillis: cpuHigh, memoryBytes: memoryHigh }),
    reservations: defined({ cpuMillis: cpuLow, memoryBytes: memoryLow }),
  };
}

function range(
  doc: ComposeDocument,
  node: Node | undefined,
  what: string,
  parse: (text: string) => number | undefined,
): readonly [low: number | undefined, high: number | undefined] {
  const text = doc.text(node, what);
  if (text === undefined) return [undefined, undefined];
  const [low = '', high = low, more] = text.split('..');
  const [from, to] = [parse(low), parse(high)];
  const bad = (from === undefined && low !== '') || (to === undefined && high !== '');
  if (bad || more !== undefined || text === '..')
    doc.problem(node, `${what} "${text}" is not understood`, 'write e.g. cpus: 0.1..0.5, memory: 128M..256M');
  return [from, to];
}
