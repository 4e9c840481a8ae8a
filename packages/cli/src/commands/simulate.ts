import { GantryError } from '@gantry/kit/errors';
import type { Kill, Simulation } from '@gantry/sim/simulate';
import { parseCores, parseDuration, parseSize } from '../compose/units.ts';
import type { Io } from '../io.ts';
import { asData } from '../output/output.ts';
import { showSimulated } from '../output/simulated.ts';
import { loadCompose, type FileOptions } from './apply.ts';

export interface SimulateOptions extends FileOptions {
  readonly nodes: number;
  readonly cpus: string;
  readonly memory: string;
  readonly label?: readonly string[];
  readonly kill?: readonly string[];
  readonly seed: number;
}

/** Virtual hosts, at most: each is a whole agent. */
const mostNodes = 500;
/** It does not come up, or something is broken. */
const [fine, stuck] = [0, 4];

/** `gantry simulate -f FILE`: the file on hosts that do not exist, in virtual time; nothing of a cluster is touched. */
export async function simulateCommand(io: Io, options: SimulateOptions): Promise<number> {
  const simulation = await simulationOf(io, options);
  const { simulate } = await import('@gantry/sim/simulate');
  const told = await simulate(simulation);
  const { output } = options;
  if (output === 'json' || output === 'yaml') io.stdout.write(asData(output, told));
  else io.stdout.write(showSimulated(told));
  const atRest = told.phases.every(({ lastedMs }) => lastedMs !== undefined);
  return told.broken === undefined && atRest ? fine : stuck;
}

async function simulationOf(io: Io, options: SimulateOptions): Promise<Simulation> {
  const { nodes, cpus, memory, seed, kill = [], label = [] } = options;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > mostNodes)
    throw wrong(`--nodes must be a whole number from 1 to ${mostNodes}`);
  if (!Number.isInteger(seed)) throw wrong('--seed must be a whole number');
  const [cpuMillis, memoryBytes] = [parseCores(cpus), parseSize(memory)];
  if (cpuMillis === undefined) throw wrong(`--cpus ${cpus} is not understood`, 'write e.g. 4 or 0.5');
  if (memoryBytes === undefined) throw wrong(`--memory ${memory} is not understood`, 'write e.g. 8G');
  const labels = label.map(labelOf);
  const kills = kill.map((text) => killOf(text, nodes));
  const { compose } = await loadCompose(io, options);
  return {
    stack: compose.stack,
    services: compose.services,
    hosts: nodes,
    hostSize: { cpuMillis, memoryBytes },
    labels: (host) =>
      Object.fromEntries(labels.map(({ name, values }) => [name, values[host % values.length] ?? ''])),
    kills,
    seed,
  };
}

/** `zone=a,b,c`: hosts get the values in turn. */
function labelOf(text: string): { readonly name: string; readonly values: readonly string[] } {
  const [, name, values] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || values === undefined)
    throw wrong(`--label ${text} is not understood`, 'write e.g. zone=a,b,c: hosts get them in turn');
  return { name, values: values.split(',') };
}

/** `n3`, or `n3@10s`. */
function killOf(text: string, nodes: number): Kill {
  const [, host = '', time] = /^(n\d+)(?:@(.+))?$/.exec(text) ?? [];
  const atMs = time === undefined ? undefined : parseDuration(time);
  if (host === '' || (time !== undefined && atMs === undefined))
    throw wrong(`--kill ${text} is not understood`, 'write e.g. n3, or n3@10s');
  const number = Number(host.slice(1));
  if (number < 1 || number > nodes) throw wrong(`--kill ${text}: there are n1 to n${nodes}`);
  return { host, ...(atMs !== undefined && { atMs }) };
}

function wrong(message: string, hint?: string): GantryError {
  return new GantryError('invalid', message, hint === undefined ? {} : { hint });
}
