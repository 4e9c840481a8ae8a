import { asGantryError, errorCodes } from '@gantry/kit/errors';
import { createLogger } from '@gantry/kit/log';
import { readConfig } from './config.ts';
import { startController } from './controller.ts';

/** Runs a controller until SIGTERM or SIGINT; nothing on the hosts changes by its end. Resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const config = readConfig(argv);
    const log = createLogger(config.logLevel, { part: 'controller' });
    process.on('unhandledRejection', (error) => {
      log.error('an error that nobody handled ends the controller', { error: String(error) });
      process.exit(1);
    });
    const controller = await startController(config, log);
    await new Promise<void>((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
    await controller.close();
    return 0;
  } catch (error) {
    const { code, message, hint } = asGantryError(error);
    process.stderr.write(`error: ${message}\n${hint === undefined ? '' : `fix: ${hint}\n`}`);
    return errorCodes[code].exit;
  }
}
