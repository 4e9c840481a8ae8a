import type { Command } from 'commander';
import type { Cli } from './declare.ts';
import { addRollback } from './rollouts.ts';
import { addLogs, addLs, addPs, addRm, addScale, addStackDeploy } from './services.ts';

/** Docker's nouns, for the fingers: hidden from the help. */
export function addDockerNouns(cli: Cli, program: Command): void {
  const service = program.command('service', { hidden: true });
  for (const add of [addPs, addLogs, addScale, addRm]) add(cli, service);
  addRollback(cli, service);
  addLs(cli, service, 'ls');
  const stack = program.command('stack', { hidden: true });
  for (const add of [addStackDeploy, addPs, addRm]) add(cli, stack);
  for (const name of ['ls', 'services']) addLs(cli, stack, name);
}
