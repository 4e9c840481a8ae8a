import { exec } from '@gantry/kit/exec';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { createOutput, type Shape } from '../output/output.ts';
import { findLeaks, type Leak } from './census.ts';
import { checkHost, isFit, type CheckResult } from './host-checks.ts';
import { collectExpected, collectTraces } from './traces.ts';

export interface DoctorOptions extends GlobalOptions {
  readonly leaks: boolean;
}

const leakShape: Shape<Leak> = {
  header: ['KIND', 'WHAT', 'WHY'],
  row: ({ kind, what, why }) => [kind, what, why],
  name: ({ what }) => what,
  empty: 'no leaks',
};

const checkShape: Shape<CheckResult> = {
  header: ['CHECK', 'OK', 'FOUND', 'FIX'],
  row: ({ name, ok, optional, found, fix }) => [name, ok ? '✔' : optional ? '–' : '✗', found, ok ? '' : fix],
  name: ({ name }) => name,
  empty: 'nothing was checked',
};

/** `gantry doctor`: is this host fit for an agent? `--leaks`: does it hold anything that nobody accounts for? */
export async function doctorCommand(io: Io, options: DoctorOptions): Promise<number> {
  const output = createOutput(io, options);
  if (!options.leaks) {
    const results = await checkHost(exec);
    output.list(results, checkShape);
    return isFit(results) ? 0 : 1;
  }
  // Expected after traces: a task that begins in between must not look like a leak.
  const traces = await collectTraces(exec);
  const found = findLeaks(traces, await collectExpected());
  output.list(found, leakShape);
  return found.length === 0 ? 0 : 1;
}
