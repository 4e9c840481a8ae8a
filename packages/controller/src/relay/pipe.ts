import type { Readable, Writable } from 'node:stream';

/** What of a stream a pipe needs: half of a gRPC call. */
type Source = Pick<Readable, 'on' | 'pause' | 'resume'>;
type Target = Pick<Writable, 'on' | 'write'>;

/** Passes messages on, changed by `map`; a target that is full pauses the source, so that nothing piles up in between. */
export function pipeMessages(source: Source, target: Target, map: (message: never) => unknown): void {
  source.on('data', (message: unknown) => {
    const out = map(message as never);
    if (out !== undefined && !target.write(out)) source.pause();
  });
  target.on('drain', () => source.resume());
}
