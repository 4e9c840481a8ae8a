import type { Command } from 'commander';
import type { VolumeCreateOptions, VolumePruneOptions, VolumeRmOptions } from '../commands/volumes.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `gantry volume …`: named volumes, each on the disk of its host. */
export function addVolumeCommands(cli: Cli, program: Command): void {
  const volume = program.command('volume').description('named volumes, on the disks of hosts');
  runs(
    cli,
    declare(volume, 'ls', 'volumes, where they are and who uses them'),
    async (options: GlobalOptions) =>
      (await import('../commands/volumes.ts')).volumeLsCommand(cli.io, options),
  );
  runs(
    cli,
    declare(volume, 'inspect <name>', 'its copies, their labels and tasks, as each host tells'),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/volumes.ts')).volumeInspectCommand(cli.io, options, name),
  );
  const create = declare(volume, 'create <names...>', 'make empty volumes, for files that say external: true')
    .requiredOption('--node <host>', 'where; may be given again', collect)
    .option('-l, --label <name=value>', 'a label of it; may be given again', collect);
  runs(cli, create, async (options: VolumeCreateOptions, names: string[]) =>
    (await import('../commands/volumes.ts')).volumeCreateCommand(cli.io, options, names),
  );
  const rm = declare(
    volume,
    'rm <names...>',
    'delete volumes with their data, on every host that holds them',
  ).option('--node <host>', 'only there; may be given again', collect);
  runs(cli, rm, async (options: VolumeRmOptions, names: string[]) =>
    (await import('../commands/volumes.ts')).volumeRmCommand(cli.io, options, names),
  );
  const prune = declare(volume, 'prune', 'delete volumes that no task uses and no service names')
    .option('-a, --all', 'also copies of services’ volumes where no task uses them')
    .option('--dry-run', 'only say which')
    .option('-y, --yes', 'do not ask');
  runs(cli, prune, async (options: VolumePruneOptions) =>
    (await import('../commands/volumes.ts')).volumePruneCommand(cli.io, options),
  );
}
