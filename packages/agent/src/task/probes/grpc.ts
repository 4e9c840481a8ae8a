import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { ProbeResult } from '../health.ts';

const method = '/grpc.health.v1.Health/Check';
/** `ServingStatus` of health.proto. */
const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** gRPC's own health protocol: SERVING is well. Rejects if there is no answer. */
export async function probeGrpc(
  address: string,
  port: number,
  service: string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const options = {
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  };
  const client = new Client(`${address}:${port}`, credentials.createInsecure(), options);
  try {
    const answer = await check(client, service, signal);
    const words = `${service === '' ? 'the server' : service} is ${servingStatus[answer] ?? `status ${answer}`}`;
    return { ok: answer === 1, words };
  } finally {
    client.close();
  }
}

function check(client: Client, service: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: number): void => {
      signal.removeEventListener('abort', stop);
      if (error) reject(new Error(`grpc :${port(client)}: ${status[error.code]}: ${error.details}`));
      else resolve(answer ?? 0);
    };
    const call = client.makeUnaryRequest(method, encodeRequest, decodeResponse, service, done);
    const stop = (): void => call.cancel();
    signal.addEventListener('abort', stop, { once: true });
  });
}

function port(client: Client): string {
  return client.getChannel().getTarget().split(':').at(-1) ?? '';
}

/** `message HealthCheckRequest { string service = 1; }`; names of services are short. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8').subarray(0, 127);
  return name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
}

/** `message HealthCheckResponse { ServingStatus status = 1; }` */
function decodeResponse(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}
