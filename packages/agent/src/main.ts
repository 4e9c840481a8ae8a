import { hostname } from 'node:os';
import { asGantryError, errorCodes } from '@gantry/kit/errors';
import { createLogger } from '@gantry/kit/log';
import { startAgent } from './agent.ts';
import { readConfig } from './config.ts';

/** Runs an agent until SIGTERM or SIGINT; its containers go on afterwards. Resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const config = readConfig(argv, hostname());
    const log = createLogger(config.logLevel, { part: 'agent', node: config.name });
    process.on('unhandledRejection', (error) => {
      log.error('an error that nobody handled ends the agent', { error: String(error) });
      process.exit(1);
    });
    const agent = await startAgent(config, log);
    await new Promise<void>((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
    await agent.close();
    return 0;
  } catch (error) {
    const { code, message, hint } = asGantryError(error);
    process.stderr.write(`error: ${message}\n${hint === undefined ? '' : `fix: ${hint}\n`}`);
    return errorCodes[code].exit;
  }
}
