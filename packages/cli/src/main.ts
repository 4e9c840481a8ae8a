import { Command, CommanderError, Option } from 'commander';
import { asGantryError, errorCodes } from '@gantry/kit/errors';
import type { ApplyOptions } from './commands/apply.ts';
import type { LogsOptions } from './commands/logs.ts';
import type { PsOptions, WaitOptions } from './commands/services.ts';
import type { GlobalOptions } from './context.ts';
import type { DoctorOptions } from './doctor/doctor-command.ts';
import type { DevOptions } from './local/dev-command.ts';
import { formats, progressKinds } from './options.ts';

/** Runs one command line; resolves with its exit code. Commands are loaded when they are run: `--help` stays quick. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const done = (result: number): void => void (code = result);
  const program = build(done);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `gantry logs | head`
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return fail(error);
  }
}

function fail(error: unknown): number {
  const { code, message, hint, stack } = asGantryError(error);
  process.stderr.write(`error: ${message}\n${hint === undefined ? '' : `fix: ${hint}\n`}`);
  if (code === 'internal' && process.env['GANTRY_DEBUG'] !== undefined)
    process.stderr.write(`${stack ?? ''}\n`);
  return errorCodes[code].exit;
}

type Done = (code: number) => void;

function build(done: Done): Command {
  const program = new Command('gantry')
    .description('Runs Compose files on many hosts')
    .exitOverride()
    .showHelpAfterError('(see gantry --help)')
    .showSuggestionAfterError(true)
    .enablePositionalOptions();
  program.configureHelp({ sortSubcommands: false });
  addServiceCommands(program, done);
  addOtherCommands(program, done);
  addDockerNouns(program, done);
  return program;
}

/** Options that stand on every command. */
function withGlobals(command: Command): Command {
  return command
    .option('--controller <host:port>', 'the controller (GANTRY_CONTROLLER; default 127.0.0.1:7443)')
    .addOption(new Option('-o, --output <format>', 'how results are printed').choices(formats))
    .option('-q, --quiet', 'only names')
    .option('--timeout <duration>', 'for waiting', '5m')
    .addOption(
      new Option('--progress <kind>', 'how progress is shown').choices(progressKinds).default('auto'),
    );
}

function addServiceCommands(program: Command, done: Done): void {
  addApply(program, 'apply', done)
    .aliases(['deploy', 'up'])
    .description('make the cluster as the Compose file says, and wait until it is');
  withGlobals(program.command('config'))
    .description('print what the Compose file means')
    .requiredOption('-f, --file <file>', 'the Compose file')
    .option('--stack <name>', 'name of the stack')
    .action(async (options: ApplyOptions) =>
      done(await (await import('./commands/apply.ts')).configCommand(options)),
    );
  addLs(program, 'ls', done).description('services');
  addPs(program, 'ps [names...]', done).description('tasks: where each copy runs, and why not');
  addLogs(program, 'logs <names...>', done).description('what tasks write');
  addScale(program, 'scale <service=number...>', done).description('change the number of replicas');
  addRm(program, 'rm <names...>', done).description('remove stacks or services');
  withGlobals(program.command('wait <names...>'))
    .description('wait until services are as they should be')
    .action(async (names: string[], options: GlobalOptions) =>
      done(await (await import('./commands/services.ts')).waitCommand(names, options)),
    );
}

function addOtherCommands(program: Command, done: Done): void {
  const node = program.command('node').description('hosts');
  withGlobals(node.command('ls'))
    .description('hosts, and what is reserved on them')
    .action(async (options: GlobalOptions) =>
      done(await (await import('./commands/nodes.ts')).nodeLsCommand(options)),
    );
  const image = program.command('image').description('images loaded into the cluster');
  withGlobals(image.command('load <file>'))
    .description('load an OCI or docker archive')
    .action(async (file: string, options: GlobalOptions) =>
      done(await (await import('./commands/images.ts')).imageLoadCommand(file, options)),
    );
  withGlobals(image.command('ls'))
    .description('loaded images')
    .action(async (options: GlobalOptions) =>
      done(await (await import('./commands/images.ts')).imageLsCommand(options)),
    );
  withGlobals(program.command('top'))
    .description('what hosts and tasks use now')
    .action(async (options: GlobalOptions) =>
      done(await (await import('./commands/nodes.ts')).topCommand(options)),
    );
  withGlobals(program.command('version'))
    .description('version of the controller')
    .action(async (options: GlobalOptions) =>
      done(await (await import('./commands/nodes.ts')).versionCommand(options)),
    );
  program
    .command('dev')
    .description('a cluster on this machine, until Ctrl-C')
    .option('--nodes <number>', 'hosts', Number, 3)
    .option('--name <name>', 'name of the cluster', 'dev')
    .option('--example <directory>', 'deploy this example')
    .option('--once', 'show, check, clean up and end', false)
    .action(async (options: DevOptions) =>
      done(await (await import('./local/dev-command.ts')).devCommand(options)),
    );
  program
    .command('doctor')
    .description('is this host fit? --leaks: does it hold what nobody accounts for?')
    .option('--leaks', 'list leaks', false)
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: DoctorOptions) =>
      done(await (await import('./doctor/doctor-command.ts')).doctorCommand(options)),
    );
}

/** Docker's nouns, for the fingers: hidden from the help. */
function addDockerNouns(program: Command, done: Done): void {
  const service = program.command('service', { hidden: true });
  addLs(service, 'ls', done);
  addPs(service, 'ps [names...]', done);
  addLogs(service, 'logs <names...>', done);
  addScale(service, 'scale <service=number...>', done);
  addRm(service, 'rm <names...>', done);
  const stack = program.command('stack', { hidden: true });
  addApply(stack, 'deploy', done, '-c, --compose-file <file>');
  addLs(stack, 'ls', done);
  addPs(stack, 'ps [names...]', done);
  addRm(stack, 'rm <names...>', done);
}

function addApply(parent: Command, name: string, done: Done, fileFlag = '-f, --file <file>'): Command {
  const docker = fileFlag.startsWith('-c');
  const command = withGlobals(parent.command(docker ? `${name} <stack>` : name))
    .requiredOption(fileFlag, 'the Compose file')
    .option('--stack <name>', 'name of the stack (default: name: in the file, else its directory)')
    .option('-d, --detach', 'do not wait')
    .option('--no-prune', 'keep services that the file no longer has');
  return command.action(async (...given: unknown[]) => {
    const options = command.opts<ApplyOptions & { readonly composeFile: string }>();
    const stack = docker ? { stack: String(given[0]), file: options.composeFile } : {};
    const { applyCommand } = await import('./commands/apply.ts');
    done(await applyCommand({ ...options, ...stack }));
  });
}

function addLs(parent: Command, name: string, done: Done): Command {
  return withGlobals(parent.command(`${name} [stack]`)).action(
    async (stack: string | undefined, options: GlobalOptions) =>
      done(await (await import('./commands/services.ts')).lsCommand(stack, options)),
  );
}

function addPs(parent: Command, name: string, done: Done): Command {
  return withGlobals(parent.command(name))
    .option('-a, --all', 'also tasks that have ended')
    .action(async (names: string[], options: PsOptions) =>
      done(await (await import('./commands/services.ts')).psCommand(names, options)),
    );
}

function addLogs(parent: Command, name: string, done: Done): Command {
  return withGlobals(parent.command(name))
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --tail <lines>', 'last lines of each task')
    .option('--since <time>', 'e.g. 10m, or a date and time')
    .option('-t, --timestamps', 'with times')
    .action(async (names: string[], options: LogsOptions) =>
      done(await (await import('./commands/logs.ts')).logsCommand(names, options)),
    );
}

function addScale(parent: Command, name: string, done: Done): Command {
  return withGlobals(parent.command(name))
    .option('-d, --detach', 'do not wait')
    .action(async (changes: string[], options: WaitOptions) =>
      done(await (await import('./commands/services.ts')).scaleCommand(changes, options)),
    );
}

function addRm(parent: Command, name: string, done: Done): Command {
  return withGlobals(parent.command(name))
    .option('-d, --detach', 'do not wait')
    .action(async (names: string[], options: WaitOptions) =>
      done(await (await import('./commands/services.ts')).rmCommand(names, options)),
    );
}
