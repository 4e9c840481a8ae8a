import type { Command } from 'commander';
import { GantryError } from '@gantry/kit/errors';
import type { ApplyOptions } from '../commands/apply.ts';
import type { LogsOptions } from '../commands/logs.ts';
import type { PlanOptions } from '../commands/plan.ts';
import type { SimulateOptions } from '../commands/simulate.ts';
import type { PsOptions, WaitOptions } from '../commands/services.ts';
import type { GlobalOptions } from '../options.ts';
import { addContentCommands } from './contents.ts';
import { declare, gathered, runs, type Cli } from './declare.ts';

/** Commands about stacks, services and tasks. Each is loaded when it is run: `--help` stays quick. */
export function addServiceCommands(cli: Cli, program: Command): void {
  addApply(cli, program);
  addConfig(cli, program);
  addLs(cli, program, 'ls');
  addPs(cli, program);
  addLogs(cli, program);
  addScale(cli, program);
  addRm(cli, program);
  runs(
    cli,
    declare(program, 'why <name>', 'why a stack, service, task or host is as it is, and what to do'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/explain.ts')).whyCommand(cli.io, options, name),
  );
  runs(
    cli,
    declare(program, 'describe <name>', 'all about one service, task or host').alias('inspect'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/explain.ts')).describeCommand(cli.io, options, name),
  );
  runs(
    cli,
    declare(program, 'wait <names...>', 'wait until services are as they should be'),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/services.ts')).waitCommand(cli.io, options, names),
  );
}

type ApplyLine = Omit<ApplyOptions, 'file'> & {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly plan?: string;
};

function addApply(cli: Cli, parent: Command): void {
  const command = applyOptions(
    declare(parent, 'apply', 'make the cluster as the Compose file says, and wait until it is'),
  )
    .aliases(['deploy', 'up'])
    .option('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack (default: name: in the file, else its directory)')
    .option('--dry-run', 'only say what would follow, as `gantry plan`')
    .option('--plan <plan>', 'apply what `gantry plan --out` kept, if nothing has changed since')
    .option('--if-unchanged <token>', 'of a plan: apply nothing if what it read has changed since');
  runs(cli, command, async ({ file, plan, ...options }: ApplyLine) => {
    if (plan !== undefined && file === undefined)
      return (await import('../commands/apply.ts')).applyPlanCommand(cli.io, options, plan);
    if (plan !== undefined)
      throw new GantryError('invalid', 'a plan has its file in it', { hint: 'leave out -f' });
    if (file === undefined)
      throw new GantryError('invalid', "required option '-f, --file <file>' not specified");
    if (options.dryRun)
      return (await import('../commands/plan.ts')).planCommand(cli.io, { ...options, file });
    return (await import('../commands/apply.ts')).applyCommand(cli.io, { ...options, file });
  });
  addPlan(cli, parent);
  addSimulate(cli, parent);
}

function addPlan(cli: Cli, parent: Command): void {
  const command = declare(
    parent,
    'plan',
    'what applying the file would change, step by step; 1 if anything, 4 if it would not come up',
  )
    .requiredOption('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack')
    .option('--no-prune', 'keep services that the file no longer has')
    .option('--out <plan>', 'keep it for `gantry apply --plan`');
  runs(cli, command, async (options: PlanOptions) =>
    (await import('../commands/plan.ts')).planCommand(cli.io, options),
  );
}

function addSimulate(cli: Cli, parent: Command): void {
  const command = declare(
    parent,
    'simulate',
    'the Compose file on hosts that do not exist, in virtual time: no cluster is needed or touched',
  )
    .requiredOption('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack')
    .option('--nodes <number>', 'hosts, named n1, n2, …', Number, 3)
    .option('--cpus <cores>', 'of each host', '4')
    .option('--memory <size>', 'of each host', '8G')
    .option('--label <name=values>', 'e.g. zone=a,b,c: hosts get them in turn (many times)', gathered)
    .option('--kill <node[@time]>', 'a host loses power, then or once all runs (many times)', gathered)
    .option('--seed <number>', 'the same seed plays the same way', Number, 1);
  runs(cli, command, async (options: SimulateOptions) =>
    (await import('../commands/simulate.ts')).simulateCommand(cli.io, options),
  );
}

/** `docker stack deploy -c FILE STACK` */
export function addStackDeploy(cli: Cli, parent: Command): void {
  const command = applyOptions(declare(parent, 'deploy <stack>', 'apply a Compose file')).requiredOption(
    '-c, --compose-file <file>',
    'the Compose file',
  );
  runs(cli, command, async (options: ApplyOptions & { composeFile: string }, stack: string) =>
    (await import('../commands/apply.ts')).applyCommand(cli.io, {
      ...options,
      stack,
      file: options.composeFile,
    }),
  );
}

function applyOptions(command: Command): Command {
  return command
    .option('-d, --detach', 'do not wait')
    .option('--no-prune', 'keep services that the file no longer has');
}

/** `gantry config -f FILE` reads a file; the commands below it are about configs of the cluster. */
function addConfig(cli: Cli, parent: Command): void {
  const command = declare(
    parent,
    'config',
    'print what the Compose file means; or, of the cluster, its configs',
  )
    .option('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack');
  runs(cli, command, async ({ file, ...options }: Partial<ApplyOptions>) => {
    if (file !== undefined)
      return (await import('../commands/apply.ts')).configCommand(cli.io, { ...options, file });
    throw new GantryError('invalid', 'which file should be printed?', {
      hint: 'write -f FILE, or one of ls, create, inspect, rm for the configs of the cluster',
    });
  });
  addContentCommands(cli, command, 'config');
}

export function addLs(cli: Cli, parent: Command, name: string): void {
  runs(
    cli,
    declare(parent, `${name} [stack]`, 'services'),
    async (options: GlobalOptions, stack: string | undefined) =>
      (await import('../commands/services.ts')).lsCommand(cli.io, options, stack),
  );
}

export function addPs(cli: Cli, parent: Command): void {
  const command = declare(parent, 'ps [names...]', 'tasks: where each copy runs, and why not').option(
    '-a, --all',
    'also tasks that have ended',
  );
  runs(cli, command, async (options: PsOptions, names: string[]) =>
    (await import('../commands/services.ts')).psCommand(cli.io, options, names),
  );
}

export function addLogs(cli: Cli, parent: Command): void {
  const command = declare(parent, 'logs <names...>', 'what tasks write')
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --tail <lines>', 'last lines of each task')
    .option('--since <time>', 'e.g. 10m, or a date and time')
    .option('-t, --timestamps', 'with times')
    .option('-p, --previous', 'of the task before: the last that ended in each slot');
  runs(cli, command, async (options: LogsOptions, names: string[]) =>
    (await import('../commands/logs.ts')).logsCommand(cli.io, options, names),
  );
}

export function addScale(cli: Cli, parent: Command): void {
  const command = declare(parent, 'scale <service=number...>', 'change the number of replicas').option(
    '-d, --detach',
    'do not wait',
  );
  runs(cli, command, async (options: WaitOptions, changes: string[]) =>
    (await import('../commands/services.ts')).scaleCommand(cli.io, options, changes),
  );
}

export function addRm(cli: Cli, parent: Command): void {
  const command = declare(parent, 'rm <names...>', 'remove stacks or services').option(
    '-d, --detach',
    'do not wait',
  );
  runs(cli, command, async (options: WaitOptions, names: string[]) =>
    (await import('../commands/services.ts')).rmCommand(cli.io, options, names),
  );
}
