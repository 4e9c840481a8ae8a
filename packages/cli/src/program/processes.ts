import type { Command } from 'commander';
import type { ExecOptions } from '../commands/exec.ts';
import type { RunOptions } from '../commands/run.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, gathered, runs, type Cli } from './declare.ts';

/** Commands about what runs in containers. */
export function addProcessCommands(cli: Cli, program: Command): void {
  const exec = declare(
    program,
    'exec <task> <command...>',
    'run a command in a container: exec SERVICE[.SLOT] -it -- sh',
  )
    .option('-i, --interactive', 'it reads what is typed here')
    .option('-t, --tty', 'with a terminal')
    .option('-e, --env <name=value>', 'a variable (may be given many times)', gathered)
    .option('-w, --workdir <directory>', 'where it starts')
    .option('-u, --user <uid[:gid]>', 'who it runs as');
  runs(cli, exec, async (options: ExecOptions, task: string, argv: string[]) =>
    (await import('../commands/exec.ts')).execCommand(cli.io, options, task, argv),
  );
  addRun(cli, program);
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

function addRun(cli: Cli, program: Command): void {
  const run = declare(
    program,
    'run <image> [command...]',
    'run a command once, show what it writes, end with its exit code: run IMAGE -- CMD',
  )
    .option('-e, --env <name[=value]>', 'a variable, from here if it has no value (many times)', gathered)
    .option('-v, --volume <source:path[:ro]>', 'a named volume, or a path of the host (many times)', gathered)
    .option('--network <name>', 'a network to be on, e.g. shop_default (many times)', gathered)
    .option('--constraint <rule>', 'where it may run, e.g. node.labels.disk==ssd (many times)', gathered)
    .option('--cpus <cores>', 'at most so many')
    .option('-m, --memory <size>', 'at most so much, e.g. 256M')
    .option('--entrypoint <program>', "instead of the image's")
    .option('-w, --workdir <directory>', 'where it starts')
    .option('-u, --user <uid[:gid]>', 'who it runs as')
    .option('--name <name>', "of the run (default: the image's and some letters)")
    .option('--stack <name>', 'where the run belongs (default run)')
    .option('--deadline <duration>', 'it is stopped, and has failed, after so long')
    .option('-d, --detach', 'only begin it, and print its name')
    .option('--rm', 'take it away at its end (the default, unless detached)')
    .option('--keep', 'keep it, its tasks and its logs for a day');
  runs(cli, run, async (options: RunOptions, image: string, argv: string[]) =>
    (await import('../commands/run.ts')).runCommand(cli.io, options, image, argv),
  );
}
