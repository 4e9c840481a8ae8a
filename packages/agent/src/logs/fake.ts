import type { Logs } from './logs.ts';

/** Logs of containers that say nothing. */
export const fakeLogs: Logs = {
  path: (id) => `/logs/${id}`,
  // eslint-disable-next-line @typescript-eslint/require-await
  async *read() {
    yield [];
  },
  start: () => Promise.resolve(undefined),
  begin: () => Promise.resolve(),
  end: () => Promise.resolve(),
  close: () => undefined,
  remove: () => Promise.resolve(),
  list: () => Promise.resolve([]),
};
