import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import { colourModes, formats, progressKinds } from '../options.ts';

/** What declared commands are run with. */
export interface Cli {
  readonly io: Io;
  /** Takes the exit code. */
  readonly done: (code: number) => void;
}

/** A command, with the options that all of them take. */
export function declare(parent: Command, name: string, description: string): Command {
  return withGlobals(parent.command(name).description(description));
}

/** Says what a command does: the options it gets hold those given before its name, too; its operands follow. */
export function runs(
  { done }: Cli,
  command: Command,
  work: (options: never, ...operands: never[]) => Promise<number>,
): Command {
  const call = work as (...given: unknown[]) => Promise<number>;
  return command.action(async (...given: unknown[]) => {
    // Commander puts the operands first, then its own two.
    done(await call(command.optsWithGlobals(), ...given.slice(0, -2)));
  });
}

const globals: readonly (readonly [flags: string, description: string, choices?: readonly string[]])[] = [
  ['--controller <host:port>', 'the controller (GANTRY_CONTROLLER; default 127.0.0.1:7443)'],
  ['--context <name>', 'a cluster of the config file (GANTRY_CONTEXT)'],
  ['-o, --output <format>', 'how results are printed', formats],
  ['-q, --quiet', 'only names'],
  ['--timeout <duration>', 'for waiting (default 5m)'],
  ['--progress <kind>', 'how progress is shown (default auto)', progressKinds],
  ['--color <when>', 'colours (default auto)', colourModes],
];

/** No defaults here: what nobody gave must not hide what was given before the command's name. */
export function withGlobals(command: Command): Command {
  for (const [flags, description, choices] of globals) {
    const option = new Option(flags, description).helpGroup('Options of every command:');
    command.addOption(choices ? option.choices(choices) : option);
  }
  return command;
}

/** All values of an option that may be given many times. */
export function gathered(one: string, all: string[] | undefined): string[] {
  return [...(all ?? []), one];
}
