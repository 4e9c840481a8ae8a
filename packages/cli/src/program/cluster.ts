import type { Command } from 'commander';
import type { ImagePruneOptions } from '../commands/images.ts';
import type { ContextAddOptions } from '../commands/contexts.ts';
import type { RebalanceOptions } from '../commands/rebalance.ts';
import type { DoctorOptions } from '../doctor/doctor-command.ts';
import type { DevOptions } from '../local/dev-command.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';
import { addSecretCommands } from './contents.ts';
import { addNetworkCommands } from './networks.ts';
import { addNodeCommands } from './nodes.ts';
import { addVolumeCommands } from './volumes.ts';

/** Commands about hosts, images and the cluster itself. Each is loaded when it is run: `--help` stays quick. */
export function addClusterCommands(cli: Cli, program: Command): void {
  addNodeCommands(cli, program);
  addNetworkCommands(cli, program);
  addVolumeCommands(cli, program);
  addSecretCommands(cli, program);
  addImage(cli, program);
  runs(cli, declare(program, 'top', 'what hosts and tasks use now'), async (options: GlobalOptions) =>
    (await import('../commands/nodes.ts')).topCommand(cli.io, options),
  );
  runs(cli, declare(program, 'version', 'version of the controller'), async (options: GlobalOptions) =>
    (await import('../commands/nodes.ts')).versionCommand(cli.io, options),
  );
  addRebalance(cli, program);
  addContext(cli, program);
  addDev(cli, program);
  addDoctor(cli, program);
}

function addImage(cli: Cli, program: Command): void {
  const image = program.command('image').description('images loaded into the cluster');
  runs(
    cli,
    declare(image, 'load <file>', 'load an OCI or docker archive'),
    async (options: GlobalOptions, file: string) =>
      (await import('../commands/images.ts')).imageLoadCommand(cli.io, options, file),
  );
  runs(cli, declare(image, 'ls', 'loaded images'), async (options: GlobalOptions) =>
    (await import('../commands/images.ts')).imageLsCommand(cli.io, options),
  );
  runs(
    cli,
    declare(image, 'inspect <name>', 'its layers, who uses it, its own config'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/images.ts')).imageInspectCommand(cli.io, options, name),
  );
  runs(
    cli,
    declare(image, 'rm <names...>', 'remove images that nothing uses'),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/images.ts')).imageRmCommand(cli.io, options, names),
  );
  const prune = declare(image, 'prune', 'remove images that lost their name to a newer one')
    .option('-a, --all', 'also named ones that no service uses or may go back to')
    .option('--dry-run', 'only say which');
  runs(cli, prune, async (options: ImagePruneOptions) =>
    (await import('../commands/images.ts')).imagePruneCommand(cli.io, options),
  );
}

function addRebalance(cli: Cli, program: Command): void {
  const command = declare(
    program,
    'rebalance [name]',
    'even out hosts, e.g. once one has come back: moves tasks, replacements ready first',
  )
    .option('--max-moves <number>', 'moves at most, those that gain most first', Number, 10)
    .option('--dry-run', 'only say which')
    .option('-d, --detach', 'do not wait');
  runs(cli, command, async (options: RebalanceOptions, name?: string) =>
    (await import('../commands/rebalance.ts')).rebalanceCommand(cli.io, options, name),
  );
}

function addContext(cli: Cli, program: Command): void {
  const context = program.command('context').description('clusters by name, kept in the config file');
  runs(cli, declare(context, 'ls', 'known clusters'), async (options: GlobalOptions) =>
    (await import('../commands/contexts.ts')).contextLsCommand(cli.io, options),
  );
  runs(
    cli,
    declare(context, 'add <name>', 'remember --controller under a name'),
    async (options: ContextAddOptions, name: string) =>
      (await import('../commands/contexts.ts')).contextAddCommand(cli.io, options, name),
  );
  runs(
    cli,
    declare(context, 'use <name>', 'mean this cluster when nobody says which'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/contexts.ts')).contextUseCommand(cli.io, options, name),
  );
  runs(cli, declare(context, 'rm <name>', 'forget a cluster'), async (options: GlobalOptions, name: string) =>
    (await import('../commands/contexts.ts')).contextRmCommand(cli.io, options, name),
  );
}

function addDev(cli: Cli, program: Command): void {
  const command = program
    .command('dev')
    .description('a cluster on this machine, until Ctrl-C')
    .option('--nodes <number>', 'hosts', Number, 3)
    .option('--name <name>', 'name of the cluster', 'dev')
    .option('--example <directory>', 'deploy this example')
    .option('--encryption <mode>', 'wireguard: hosts speak with each other in secret')
    .option('--no-loopback', 'do not listen on 127.0.0.1:7443: for a second cluster on this machine')
    .option('--once', 'show, check, clean up and end', false);
  runs(cli, command, async (options: DevOptions) =>
    (await import('../local/dev-command.ts')).devCommand(options),
  );
}

function addDoctor(cli: Cli, program: Command): void {
  const command = declare(
    program,
    'doctor',
    'is this host fit? --leaks: does it hold what nobody accounts for?',
  ).option('--leaks', 'list leaks', false);
  runs(cli, command, async (options: DoctorOptions) =>
    (await import('../doctor/doctor-command.ts')).doctorCommand(cli.io, options),
  );
}
