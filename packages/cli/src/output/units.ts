/** Amounts and times as people read them. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [amount, unit] = [value, 0];
  for (; amount >= 1_024 && unit < units.length - 1; unit++) amount /= 1_024;
  return `${amount >= 10 || unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[unit] ?? ''}`;
}

/** Millicores as cores: `0.25`. */
export function cores(millis: number): string {
  return (millis / 1_000).toFixed(2);
}

/** How long ago, in the largest unit that gives two digits or fewer: `5s`, `12m`, `3h`, `9d`. */
export function age(since: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - since) / 1_000));
  if (seconds < 100) return `${seconds}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes}m`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours}h` : `${Math.round(hours / 24)}d`;
}

/** `8080->80/tcp`, with `host` for ports that are open on one host only. */
export function ports(
  list: readonly { published: number; target: number; protocol: string; mode: string }[],
): string {
  return list
    .map(
      ({ published, target, protocol, mode }) =>
        `${published}→${target}/${protocol}${mode === 'host' ? ' (host)' : ''}`,
    )
    .join(', ');
}
