import type { Command } from 'commander';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

/** `gantry network …` (`net`): who is on what, and who may reach whom. */
export function addNetworkCommands(cli: Cli, program: Command): void {
  const network = program.command('network').alias('net').description('networks of services');
  runs(
    cli,
    declare(network, 'ls', 'networks, and how many services are on each'),
    async (options: GlobalOptions) =>
      (await import('../commands/networks.ts')).networkLsCommand(cli.io, options),
  );
  runs(
    cli,
    declare(network, 'why <from> <to>', 'may a service reach another (or "outside"), and through what?'),
    async (options: GlobalOptions, from: string, to: string) =>
      (await import('../commands/networks.ts')).netWhyCommand(cli.io, options, from, to),
  );
}
