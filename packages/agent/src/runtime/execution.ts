import type { Readable, Writable } from 'node:stream';

/** Size of a terminal, characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** One more process for a running container. */
export interface ExecPlan {
  readonly argv: readonly string[];
  /** With a terminal of this size; its output is one stream. */
  readonly tty?: TerminalSize;
  /** `NAME=value`, besides the container's own. */
  readonly env?: readonly string[];
  /** Absent: the container's. */
  readonly cwd?: string;
  /** `uid[:gid]`; absent: the container's. */
  readonly user?: string;
}

/** A process that runs in a container besides its own; it ends with the container at the latest. */
export interface Execution {
  readonly input: Writable;
  /** stdout; with a terminal, everything. */
  readonly output: Readable;
  /** stderr; absent with a terminal. */
  readonly errors?: Readable;
  /**
   * Its exit code, once its output has been read to the end: 128+n when a signal ended it, 127 when there is no such
   * program, 126 when it cannot be run, 125 when the runtime failed.
   */
  readonly exit: Promise<number>;
  resize(size: TerminalSize): void;
  /** Sends a signal (name with SIG) to the process; nothing happens if it is gone. */
  signal(name: string): Promise<void>;
  /** Ends it, with what it started in its session: SIGHUP, a moment later SIGKILL. Idempotent. */
  close(): Promise<void>;
}
