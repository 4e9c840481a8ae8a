/**
 * The closed list of error codes: what the caller can do about it, not where it happened. Each has its gRPC status,
 * the exit code of the CLI (product: exit codes) and whether the same call may work later.
 */
export const errorCodes = {
  invalid: { grpc: 3, exit: 2, retryable: false },
  not_found: { grpc: 5, exit: 5, retryable: false },
  ambiguous: { grpc: 9, exit: 5, retryable: false },
  conflict: { grpc: 10, exit: 5, retryable: false },
  port_taken: { grpc: 6, exit: 5, retryable: false },
  image_not_found: { grpc: 5, exit: 5, retryable: false },
  image_refused: { grpc: 9, exit: 1, retryable: false },
  not_allowed: { grpc: 7, exit: 3, retryable: false },
  unreachable: { grpc: 14, exit: 3, retryable: true },
  not_leader: { grpc: 14, exit: 3, retryable: true },
  exhausted: { grpc: 8, exit: 1, retryable: true },
  timeout: { grpc: 4, exit: 124, retryable: true },
  not_converged: { grpc: 9, exit: 4, retryable: false },
  cancelled: { grpc: 1, exit: 130, retryable: false },
  unknown_outcome: { grpc: 2, exit: 1, retryable: true },
  internal: { grpc: 13, exit: 1, retryable: false },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Where in a user's file an error stands; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The one error class of Gantry: a code to act on, one sentence to read, and what to do. */
export class GantryError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly place: Place | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { hint?: string; place?: Place; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'GantryError';
    this.code = code;
    this.hint = more.hint;
    this.place = more.place;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/** Any thrown value as a GantryError; what is not ours becomes `internal` with the original as its cause. */
export function asGantryError(error: unknown): GantryError {
  if (error instanceof GantryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GantryError('internal', message, { cause: error });
}
