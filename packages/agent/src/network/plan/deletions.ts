import { tunnel } from './address-plan.ts';

/**
 * True if a line of `ip -o monitor link route rule` tells that something went which we want: a link of ours that was
 * deleted or went down, a route over one, a rule in our places.
 */
export function tellsOfLoss(line: string, isOurs: (link: string) => boolean): boolean {
  const deleted = line.startsWith('Deleted ');
  const link = /^(?:Deleted )?\d+: ([^:@\s]+)[:@]/.exec(line)?.[1];
  if (link !== undefined) return isOurs(link) && (deleted || !/<[^>]*\bUP\b/.test(line));
  if (!deleted) return false;
  if (/^Deleted 4[23]\d\d:/.test(line)) return true;
  const device = / dev (\S+)/.exec(line)?.[1];
  return device !== undefined && (isOurs(device) || device === 'lo' || device === tunnel.device);
}
