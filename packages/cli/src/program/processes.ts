import type { Command } from 'commander';
import type { ExecOptions } from '../commands/exec.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

/** Commands about what runs in containers. */
export function addProcessCommands(cli: Cli, program: Command): void {
  const exec = declare(
    program,
    'exec <task> <command...>',
    'run a command in a container: exec SERVICE[.SLOT] -it -- sh',
  )
    .option('-i, --interactive', 'it reads what is typed here')
    .option('-t, --tty', 'with a terminal')
    .option(
      '-e, --env <name=value>',
      'a variable (may be given many times)',
      (one: string, all: string[] | undefined) => [...(all ?? []), one],
    ) // prettier-ignore
    .option('-w, --workdir <directory>', 'where it starts')
    .option('-u, --user <uid[:gid]>', 'who it runs as');
  runs(cli, exec, async (options: ExecOptions, task: string, argv: string[]) =>
    (await import('../commands/exec.ts')).execCommand(cli.io, options, task, argv),
  );
  runs(
    cli,
    declare(program, 'cp <from> <to>', 'copy files: one of the two is SERVICE[.SLOT]:/path'),
    async (options: GlobalOptions, from: string, to: string) =>
      (await import('../commands/cp.ts')).cpCommand(cli.io, options, from, to),
  );
  runs(
    cli,
    declare(program, 'stats [names...]', 'what tasks use now'),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/stats.ts')).statsCommand(cli.io, options, names),
  );
}
