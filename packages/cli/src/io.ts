/** A stream to write to, and what is known of the screen behind it. */
export type Screen = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** What a person types, or a file. */
export type Keyboard = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
};

/** All that a command has of the world around it: made by `main`, replaced in tests. */
export interface Io {
  /** Results. */
  readonly stdout: Screen;
  /** Progress and messages. */
  readonly stderr: Screen;
  readonly stdin: Keyboard;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `listener` on Ctrl-C; what it answers with ends that, and Ctrl-C ends the process again. */
  onInterrupt(listener: () => void): () => void;
}

/** The process's own streams and environment. */
export function processIo(): Io {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `gantry logs | head`
  });
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    // Opened when it is first asked for: most commands read nothing.
    get stdin() {
      return process.stdin;
    },
    env: process.env,
    onInterrupt: (listener) => {
      process.once('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
  };
}
