import { Command, CommanderError } from 'commander';
import { asGantryError, errorCodes } from '@gantry/kit/errors';
import { processIo, type Io } from './io.ts';
import { addClusterCommands } from './program/cluster.ts';
import { withGlobals, type Cli } from './program/declare.ts';
import { addDockerNouns } from './program/docker-nouns.ts';
import { addProcessCommands } from './program/processes.ts';
import { addRolloutCommands } from './program/rollouts.ts';
import { addServiceCommands } from './program/services.ts';

/** Runs one command line; resolves with its exit code. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  let code = 0;
  const program = build({ io, done: (result) => void (code = result) });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return fail(error, io);
  }
}

function fail(error: unknown, { stderr, env }: Io): number {
  const { code, message, hint, stack } = asGantryError(error);
  stderr.write(`error: ${message}\n${hint === undefined ? '' : `fix: ${hint}\n`}`);
  if (code === 'internal' && env['GANTRY_DEBUG'] !== undefined) stderr.write(`${stack ?? ''}\n`);
  return errorCodes[code].exit;
}

function build(cli: Cli): Command {
  const program = withGlobals(new Command('gantry'))
    .description('Runs Compose files on many hosts')
    .exitOverride()
    .showHelpAfterError('(see gantry --help)')
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => void cli.io.stdout.write(text),
      writeErr: (text) => void cli.io.stderr.write(text),
    });
  addServiceCommands(cli, program);
  addProcessCommands(cli, program);
  addRolloutCommands(cli, program);
  addClusterCommands(cli, program);
  addDockerNouns(cli, program);
  return program;
}
