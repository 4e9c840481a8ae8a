import { status as grpcStatus, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';

/** A unary call's handler that answers with what `handle` resolves to, and with a status whatever it throws. */
export function answering<Request, Response>(
  handle: (request: Request) => Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>) => void {
  return (call, done) => {
    const failed = (error: unknown): void => done(asStatus(error), null);
    // What is thrown before the first await must be answered, too.
    void Promise.resolve()
      .then(() => handle(call.request))
      .then((response) => done(null, response), failed);
  };
}

/** The error as gRPC tells it: what may work later is UNAVAILABLE. */
export function asStatus(error: unknown): Error & { code: number } {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
    return error as Error & { code: number };
  }
  const code =
    error instanceof GantryError && error.retryable ? grpcStatus.UNAVAILABLE : grpcStatus.FAILED_PRECONDITION;
  return Object.assign(new Error(error instanceof Error ? error.message : String(error)), { code });
}

/** The agent registers anew when it hears this. */
export function unknownSession(): Error {
  return Object.assign(new Error('this session is not known'), { code: grpcStatus.UNAUTHENTICATED });
}
