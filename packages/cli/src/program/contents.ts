import type { Command } from 'commander';
import type { ContentKind } from '@gantry/model/content';
import type { GlobalOptions } from '../options.ts';
import { declare, runs, type Cli } from './declare.ts';

/** `gantry secret …`: what only the tasks that have them can read. */
export function addSecretCommands(cli: Cli, program: Command): void {
  addContentCommands(cli, program.command('secret').description('secrets, in numbered versions'), 'secret');
}

/** `ls`, `create`, `inspect` and `rm` below a noun. */
export function addContentCommands(cli: Cli, noun: Command, kind: ContentKind): void {
  runs(
    cli,
    declare(noun, 'ls', `${kind}s, their newest versions and who uses them`),
    async (options: GlobalOptions) =>
      (await import('../commands/contents.ts')).contentLsCommand(cli.io, options, kind),
  );
  runs(
    cli,
    declare(noun, 'create <name> [file]', `make a ${kind}, or its next version; - or no file: from stdin`),
    async (options: GlobalOptions, name: string, file?: string) =>
      (await import('../commands/contents.ts')).contentCreateCommand(cli.io, options, kind, name, file),
  );
  const what = kind === 'secret' ? 'versions and users, never its value' : 'versions, users and content';
  runs(
    cli,
    declare(noun, 'inspect <name>', `${what}; NAME@3 for one version`),
    async (options: GlobalOptions, name: string) =>
      (await import('../commands/contents.ts')).contentInspectCommand(cli.io, options, kind, name),
  );
  runs(
    cli,
    declare(noun, 'rm <names...>', `remove ${kind}s that no service uses or may go back to`),
    async (options: GlobalOptions, names: string[]) =>
      (await import('../commands/contents.ts')).contentRmCommand(cli.io, options, kind, names),
  );
}
