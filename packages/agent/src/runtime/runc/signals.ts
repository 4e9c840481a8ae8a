import { constants } from 'node:os';

/** Names as in signal(7), or a number behind SIG; Node knows no real-time ones, which systemd and others are stopped by. */
export function signalNumber(name: string): number | string {
  const [, realTime, number] = /^SIGRTMIN\+(\d{1,2})$|^SIG(\d{1,2})$/.exec(name) ?? [];
  if (realTime !== undefined) return 34 + Number(realTime);
  if (number !== undefined) return Number(number);
  const known: Readonly<Record<string, number>> = constants.signals;
  return known[name] ?? name;
}
