import { Readable } from 'node:stream';
import { credentials, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blobChunks, streamBlob } from './blob-stream.ts';
import { failCall } from './fail-call.ts';
import { AgentGatewayClient, AgentGatewayService, type AgentGatewayServer } from './gen/gantry/v1/agent.ts';

/* Over gRPC as it is: what the other side hears of an error is what it goes on from. */
let server: Server;
let client: AgentGatewayClient;
/** What a blob is read from. */
let opening: () => Promise<Readable>;

const refused = Object.assign(new Error('there is no such blob'), { code: status.NOT_FOUND });

beforeEach(async () => {
  server = new Server();
  const door: Partial<AgentGatewayServer> = {
    assignments: (call) => failCall(call, refused),
    fetchBlob: (call) => streamBlob(opening(), call, (error) => error as Error),
  };
  server.addService(AgentGatewayService, door as AgentGatewayServer);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  client = new AgentGatewayClient(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

test('a call that fails ends with its status', async () => {
  const call = client.assignments({ sessionId: 's1' });
  const error = await new Promise<ServiceError>((resolve) => call.on('error', resolve));
  expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'there is no such blob' });
});

test.each([
  ['cannot be opened', () => Promise.reject(refused)],
  ['breaks off', () => Promise.resolve(breaking())],
])('who reads a blob that %s hears of it', async (_how, open) => {
  opening = open;
  const read = async (): Promise<void> => {
    const call = client.fetchBlob({ sessionId: 's1', digest: 'sha256:1' });
    for await (const bytes of blobChunks(call, new AbortController().signal)) expect(bytes.length).toBe(4);
  };
  await expect(read()).rejects.toMatchObject({ code: status.NOT_FOUND });
});

function breaking(): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from('some');
      await Promise.resolve();
      throw refused;
    })(),
  );
}
