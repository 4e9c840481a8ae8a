import { InvalidArgumentError, type Command } from 'commander';
import { GantryError } from '@gantry/kit/errors';
import type { ApplyOptions } from '../commands/apply.ts';
import type { RollbackOptions } from '../commands/rollouts.ts';
import type { WaitOptions } from '../commands/services.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

/** Commands about revisions and the way between them. */
export function addRolloutCommands(cli: Cli, program: Command): void {
  addRollback(cli, program);
  addDiff(cli, program);
  runs(
    cli,
    declare(program, 'history <service>', 'revisions of a service, and runs of a job'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/rollouts.ts')).historyCommand(cli.io, options, name),
  );
  const restart = declare(
    program,
    'restart <names...>',
    'replace every task, as in an update; run a job again',
  );
  runs(cli, restart.option('-d, --detach', 'do not wait'), async (options: WaitOptions, names: string[]) =>
    (await import('../commands/rollouts.ts')).restartCommand(cli.io, options, names),
  );
  addHold(cli, program, 'pause', 'begin no further place of an update');
  addHold(cli, program, 'resume', 'go on with an update that was paused, by hand or by a failure');
}

export function addRollback(cli: Cli, parent: Command): void {
  const command = declare(parent, 'rollback <service>', 'go back to an earlier revision, with its images')
    .option('--to <number>', 'number of the revision (default: the one before)', whole)
    .option('-d, --detach', 'do not wait');
  runs(cli, command, async (options: RollbackOptions, name: string) =>
    (await import('../commands/rollouts.ts')).rollbackCommand(cli.io, options, name),
  );
}

function addDiff(cli: Cli, parent: Command): void {
  const command = declare(
    parent,
    'diff [service] [from] [to]',
    'what revisions of a service differ in, or what -f FILE would change; 1 if anything',
  )
    .option('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack');
  runs(cli, command, async (options: Partial<ApplyOptions>, name?: string, from?: string, to?: string) => {
    const { file } = options;
    if (file !== undefined)
      return (await import('../commands/diff-file.ts')).diffFileCommand(cli.io, { ...options, file });
    if (name === undefined)
      throw new GantryError('invalid', 'what should be compared?', {
        hint: 'write SERVICE [N [M]], or -f FILE',
      });
    return (await import('../commands/rollouts.ts')).diffCommand(cli.io, options, name, from, to);
  });
}

function addHold(cli: Cli, parent: Command, name: 'pause' | 'resume', description: string): void {
  runs(
    cli,
    declare(parent, `${name} <names...>`, description),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/rollouts.ts')).holdCommand(cli.io, options, names, name === 'pause'),
  );
}

function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a revision.');
}
