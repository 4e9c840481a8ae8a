/** Millicores as people write them: `0.50`. */
export function cores(millis: number): string {
  return (millis / 1_000).toFixed(2);
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
