import type { LogSpec } from '@gantry/model/logging';

/** One line a container wrote. */
export interface LogLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  /** Without its newline; at most 64 KiB, longer lines come in pieces. */
  readonly text: Uint8Array;
}

export interface LogQuery {
  readonly follow: boolean;
  /** Last lines only; absent means all that is kept. */
  readonly tail?: number;
  /** ms since the epoch. */
  readonly since?: number;
}

/** Logs of containers on this host; kept a while after a container's end. */
export interface Logs {
  /** Where the runtime lets the container's output go. */
  path(containerId: string): string;
  /** Where the oldest of a container's output that is kept is now; undefined if there is none. It may be moved at any time. */
  start(containerId: string): Promise<string | undefined>;
  /** Makes the log, and keeps as many of its files as the spec says; also for a container of an earlier agent. */
  begin(containerId: string, spec: LogSpec): Promise<void>;
  /** The container has ended: its log is no longer written to, and stays. */
  end(containerId: string): Promise<void>;
  /** Reads lines in order; with `follow` until `signal` aborts or the container's log is removed. Batches of lines. */
  read(containerId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<readonly LogLine[]>;
  remove(containerId: string): Promise<void>;
  list(): Promise<readonly string[]>;
  close(): void;
}
