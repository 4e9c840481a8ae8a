import type { Command } from 'commander';
import type { LabelOptions } from '../commands/node-changes.ts';
import type { WaitOptions } from '../commands/services.ts';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

/** `gantry node …`: hosts. */
export function addNodeCommands(cli: Cli, program: Command): void {
  const node = program.command('node').description('hosts');
  runs(cli, declare(node, 'ls', 'hosts, and what is reserved on them'), async (options: GlobalOptions) =>
    (await import('../commands/nodes.ts')).nodeLsCommand(cli.io, options),
  );
  addAvailability(cli, node, 'cordon', 'pause', 'let no new tasks in');
  addAvailability(cli, node, 'uncordon', 'active', 'let tasks in again, also after a drain');
  const drain = declare(
    node,
    'drain <nodes...>',
    'move tasks away, replacements first, and wait until all are gone',
  );
  runs(cli, drain.option('-d, --detach', 'do not wait'), async (options: WaitOptions, names: string[]) =>
    (await import('../commands/node-changes.ts')).drainCommand(cli.io, options, names),
  );
  runs(
    cli,
    declare(node, 'label <node> <labels...>', 'NAME=VALUE sets a label, NAME- removes it'),
    async (options: GlobalOptions, name: string, words: string[]) =>
      (await import('../commands/node-changes.ts')).labelCommand(cli.io, options, name, words),
  );
  runs(
    cli,
    declare(node, 'rotate-key <nodes...>', 'give hosts new keys for the encrypted tunnel; connections go on'),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/node-changes.ts')).rotateKeyCommand(cli.io, options, names),
  );
  const rm = declare(node, 'rm <nodes...>', 'forget hosts that are gone for good');
  runs(
    cli,
    rm.option('--force', 'also one that is up, or may hold tasks'),
    async (options: LabelOptions, names: string[]) =>
      (await import('../commands/node-changes.ts')).nodeRmCommand(cli.io, options, names),
  );
}

function addAvailability(
  cli: Cli,
  node: Command,
  name: string,
  availability: 'active' | 'pause',
  description: string,
): void {
  runs(
    cli,
    declare(node, `${name} <nodes...>`, description),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/node-changes.ts')).availabilityCommand(cli.io, options, names, availability),
  );
}
