import type { Clock } from '@gantry/kit/clock';
import type { NodeUsage, TaskUsage } from '@gantry/model/usage';
import type { ContainerUsage, Runtime } from '../runtime/runtime.ts';
import { cpuMillisBetween, readNodeUsage, type CpuTimes } from './node-usage.ts';

export interface SamplerDeps {
  readonly nodeId: string;
  readonly node: string;
  readonly cores: number;
  readonly runtime: Pick<Runtime, 'usage'>;
  /** Tasks that run now. */
  readonly running: () => readonly string[];
  readonly clock: Clock;
}

interface Sample {
  readonly at: number;
  readonly usage: ContainerUsage;
}

/** Measures the host and its containers; rates are taken between two calls. */
export class Sampler {
  readonly #deps: SamplerDeps;
  #cpu: CpuTimes | undefined;
  #samples = new Map<string, Sample>();

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
  }

  async sample(): Promise<NodeUsage> {
    const { nodeId, node, cores, clock } = this.#deps;
    const host = await readNodeUsage();
    const cpuMillis = this.#cpu ? cpuMillisBetween(this.#cpu, host.cpu, cores) : 0;
    this.#cpu = host.cpu;
    const tasks = await this.#sampleTasks();
    return { nodeId, node, at: clock.now(), cpuMillis, memoryBytes: host.memoryBytes, tasks };
  }

  async #usages(ids: readonly string[]): Promise<readonly (ContainerUsage | undefined)[]> {
    const usages: (ContainerUsage | undefined)[] = [];
    for (let at = 0; at < ids.length; at += together) {
      const some = ids.slice(at, at + together).map((id) => this.#deps.runtime.usage(id));
      usages.push(...(await Promise.all(some)));
      await new Promise<void>((resolve) => this.#deps.clock.soon(resolve));
    }
    return usages;
  }

  async #sampleTasks(): Promise<readonly TaskUsage[]> {
    const ids = this.#deps.running();
    const usages = await this.#usages(ids);
    const at = this.#deps.clock.monotonic();
    const before = this.#samples;
    this.#samples = new Map();
    return ids.flatMap((taskId, index): TaskUsage[] => {
      const usage = usages[index];
      if (!usage) return [];
      this.#samples.set(taskId, { at, usage });
      const cpuMillis = rate(before.get(taskId), { at, usage });
      return [{ taskId, cpuMillis, memoryBytes: usage.memoryBytes, pids: usage.pids }];
    });
  }
}

/** Containers that are asked before others get the thread. */
const together = 20;

/** Millicores between two samples: µs of CPU per ms of time is the same as millicores. */
function rate(before: Sample | undefined, after: Sample): number {
  if (!before || after.at <= before.at) return 0;
  return Math.max(0, Math.round((after.usage.cpuMicros - before.usage.cpuMicros) / (after.at - before.at)));
}
