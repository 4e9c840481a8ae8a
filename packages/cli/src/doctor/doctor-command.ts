import { exec } from '@gantry/kit/exec';
import { checkHost } from './host-checks.ts';
import { findLeaks } from './census.ts';
import { collectExpected, collectTraces } from './traces.ts';

export interface DoctorOptions {
  readonly leaks: boolean;
  readonly output: string;
}

/** `gantry doctor`: is this host fit for an agent? `--leaks`: does it hold anything that nobody accounts for? */
export async function doctorCommand(options: {
  readonly leaks: boolean;
  readonly output: string;
}): Promise<number> {
  return options.leaks ? leaks(options.output) : checks(options.output);
}

async function leaks(output: string): Promise<number> {
  // Expected after traces: a task that begins in between must not look like a leak.
  const traces = await collectTraces(exec);
  const found = findLeaks(traces, await collectExpected());
  if (output === 'json') process.stdout.write(`${JSON.stringify(found)}\n`);
  else for (const leak of found) process.stdout.write(`${leak.kind}  ${leak.what}  (${leak.why})\n`);
  if (output !== 'json') {
    process.stderr.write(found.length === 0 ? 'no leaks\n' : `${found.length} leaks\n`);
  }
  return found.length === 0 ? 0 : 1;
}

async function checks(output: string): Promise<number> {
  const results = await checkHost(exec);
  if (output === 'json') process.stdout.write(`${JSON.stringify(results)}\n`);
  else {
    for (const { name, ok, found, fix } of results) {
      process.stdout.write(`${ok ? '✔' : '✗'} ${name}: ${found}${ok ? '' : `\n    fix: ${fix}`}\n`);
    }
  }
  return results.every((result) => result.ok) ? 0 : 1;
}
