import { pino } from 'pino';

/** Messages are constant words; what varies is a field. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** A logger that adds `fields` to every line. */
  with(fields: object): Logger;
}

/** JSON lines on stderr (fd 2), synchronous so that the last words before a crash are kept. */
export function createLogger(level: 'debug' | 'info' | 'warn' | 'error', fields: object = {}): Logger {
  const base = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  return wrap(base.child(fields));
}

function wrap(to: pino.Logger): Logger {
  return {
    debug: (message, more) => to.debug(more ?? {}, message),
    info: (message, more) => to.info(more ?? {}, message),
    warn: (message, more) => to.warn(more ?? {}, message),
    error: (message, more) => to.error(more ?? {}, message),
    with: (fields) => wrap(to.child(fields)),
  };
}

/** A logger that says nothing: for tests. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};
