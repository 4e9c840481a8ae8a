import { credentials, Metadata, status, type CallOptions, type ServiceError } from '@grpc/grpc-js';
import { errorCodes, GantryError, type ErrorCode } from '@gantry/kit/errors';
import { ControlClient } from '@gantry/proto/gen/gantry/v1/control';

/** A call of the controller that failed, with the field of the spec that it is about, if any. */
export class CallError extends GantryError {
  readonly path: string | undefined;

  constructor(code: ErrorCode, message: string, more: { hint?: string; path?: string; cause?: unknown }) {
    super(code, message, more);
    this.path = more.path;
  }
}

/** Speaks to the controller at `HOST:PORT`. */
export class Client {
  readonly address: string;
  readonly control: ControlClient;
  readonly #timeoutMs: number;

  constructor(address: string, timeoutMs: number) {
    this.address = address;
    this.#timeoutMs = timeoutMs;
    this.control = new ControlClient(address, credentials.createInsecure(), {
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.initial_reconnect_backoff_ms': 100,
    });
  }

  /** One unary call; throws a CallError with our code and hint. */
  call<Request, Response>(
    method: (
      request: Request,
      metadata: Metadata,
      options: Partial<CallOptions>,
      done: (error: ServiceError | null, response: Response) => void,
    ) => unknown,
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + this.#timeoutMs };
      method.call(this.control, request, new Metadata(), options, (error, response) => {
        if (error) reject(this.explain(error));
        else resolve(response);
      });
    });
  }

  /** A gRPC error in our words. */
  explain(error: ServiceError): CallError {
    const code = String(error.metadata.get('gantry-code')[0] ?? '');
    const hint = error.metadata.get('gantry-hint-bin')[0]?.toString();
    const path = error.metadata.get('gantry-path')[0]?.toString();
    if (code in errorCodes) {
      return new CallError(code as ErrorCode, error.details, {
        ...(hint !== undefined && { hint }),
        ...(path !== undefined && { path }),
      });
    }
    if (error.code === status.DEADLINE_EXCEEDED)
      return new CallError('timeout', 'the controller did not answer in time', {});
    if (error.code === status.UNAVAILABLE) {
      return new CallError('unreachable', `cannot reach the controller at ${this.address}`, {
        hint: 'start a local cluster with `gantry dev`, or name the controller with --controller HOST:PORT',
      });
    }
    return new CallError('internal', error.details || error.message, {});
  }

  close(): void {
    this.control.close();
  }
}
