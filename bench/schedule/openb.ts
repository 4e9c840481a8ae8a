import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyObject } from '@gantry/model/objects';
import { defaultPlacement, hardPart } from '@gantry/model/placement';
import { clusterOf } from '../../packages/controller/src/scheduler/cluster.ts';
import { placeWaiting } from '../../packages/controller/src/scheduler/place.ts';
import { Tables } from '../../packages/controller/src/store/tables.ts';
import { aContainer, aNode, aRevision, aTask, noon } from '../../tests/support/builders.ts';
import { root } from '../../tests/support/imports.ts';

/** What became of the trace when this share of the GPUs had been asked for. */
export interface OpenbResult {
  readonly percent: number;
  readonly refused: number;
  /** Per cent of all GPUs that no task has. */
  readonly unallocated: number;
}

/** Shares of all GPUs, in per cent, at which the peers' figures were taken. */
const marks = [80, 90, 100, 130];

/**
 * Places the arrivals of the openb trace one by one, each a service of its own, on its 1,213 nodes; nobody leaves and no
 * refused task is tried again. `dir` holds `nodes.csv` and `arrivals.csv`.
 */
export function placeOpenb(dir = join(root, 'bench/fixtures/openb')): readonly OpenbResult[] {
  const view = new Tables();
  const put = (object: AnyObject): void =>
    void view.apply(object.kind, object.id, { ...object, version: ++view.revision });
  const nodes = rows(join(dir, 'nodes.csv')).slice(1);
  nodes.forEach(([id = '', cpu, memory, gpu]) => put(nodeOf(id, Number(cpu), Number(memory), Number(gpu))));
  const gpus = nodes.reduce((sum, [, , , gpu]) => sum + Number(gpu), 0);
  const results: OpenbResult[] = [];
  let [asked, given, refused] = [0, 0, 0];
  for (const [index, [cpu, memory, gpu]] of rows(join(dir, 'arrivals.csv')).entries()) {
    for (const object of arrival(index, Number(cpu), Number(memory), Number(gpu))) put(object);
    const [placed] = placeWaiting(view.derived(clusterOf), 1).placed;
    const id = `t${index}`;
    if (placed) {
      const status = { ...placed.task.status, state: 'assigned' } as const;
      put({ ...placed.task, nodeId: placed.node.id, status });
      given += Number(gpu);
    } else {
      view.apply('task', id, undefined);
      refused++;
    }
    asked += Number(gpu);
    const percent = marks[results.length];
    if (percent !== undefined && asked * 100 >= gpus * percent)
      results.push({ percent, refused, unallocated: (100 * (gpus - given)) / gpus });
  }
  return results;
}

function rows(file: string): readonly (readonly string[])[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(','));
}

function nodeOf(id: string, cpuMillis: number, mebibytes: number, gpu: number): AnyObject {
  const node = aNode({ id, name: id });
  const devices = gpu > 0 ? { devices: { gpu } } : {};
  return {
    ...node,
    description: { ...node.description, cpuMillis, memoryBytes: mebibytes * 2 ** 20, ...devices },
  };
}

function arrival(index: number, cpuMillis: number, mebibytes: number, gpu: number): readonly AnyObject[] {
  const [serviceId, revisionId] = [`s${index}`, `r${index}`];
  const reservations = {
    ...(cpuMillis > 0 && { cpuMillis }),
    ...(mebibytes > 0 && { memoryBytes: mebibytes * 2 ** 20 }),
  };
  const placement = hardPart({ ...defaultPlacement, devices: gpu > 0 ? { gpu } : {} });
  return [
    aRevision({ id: revisionId, serviceId, container: aContainer({ reservations }), placement }),
    aTask({ id: `t${index}`, serviceId, revisionId, createdAt: noon + index }),
  ];
}
