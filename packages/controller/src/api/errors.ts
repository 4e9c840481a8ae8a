import {
  Metadata,
  type status,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { asGantryError, errorCodes, GantryError } from '@gantry/kit/errors';
import { WireError } from '@gantry/proto/to-model';

/** Metadata that carries what a gRPC status cannot: our code, what to do, and where in a spec. */
export const metadataKeys = { code: 'gantry-code', hint: 'gantry-hint-bin', path: 'gantry-path' } as const;

/** An error about one field of what the user sent: `services.web.image`. */
export class FieldError extends GantryError {
  readonly path: string;

  constructor(path: string, cause: GantryError) {
    super(cause.code, cause.message, { cause, ...(cause.hint !== undefined && { hint: cause.hint }) });
    this.path = path;
  }
}

/** Any error as gRPC tells it. */
export function toStatus(error: unknown): Partial<ServiceError> {
  const ours = error instanceof WireError ? new GantryError('invalid', error.message) : asGantryError(error);
  const metadata = new Metadata();
  metadata.set(metadataKeys.code, ours.code);
  if (ours.hint !== undefined) metadata.set(metadataKeys.hint, Buffer.from(ours.hint));
  if (ours instanceof FieldError) metadata.set(metadataKeys.path, ours.path);
  const code = errorCodes[ours.code].grpc as unknown as status;
  return { code, details: ours.message, metadata };
}

/** Any error as what ends a streaming call. */
export function asCallError(error: unknown): Error {
  return Object.assign(new Error(asGantryError(error).message), toStatus(error));
}

/** A unary handler from a function that answers or throws. */
export function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>) => void {
  return (call, done) => {
    void Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => done(null, response),
        (error: unknown) => done(toStatus(error)),
      );
  };
}
