import type { Clock } from '@gantry/kit/clock';
import { Metadata, type CallOptions, type ServiceError } from '@grpc/grpc-js';

/** Deadline of register, heartbeat and report, and of what says no other, ms. */
const callMs = 5_000;

/** One unary call with a deadline, as a promise. */
export function unary<Request, Response>(
  method: (
    request: Request,
    metadata: Metadata,
    options: Partial<CallOptions>,
    done: (error: ServiceError | null, response: Response) => void,
  ) => unknown,
  request: Request,
  clock: Clock,
  timeoutMs = callMs,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: clock.now() + timeoutMs }, (error, response) => {
      if (error) reject(error);
      else resolve(response);
    });
  });
}
