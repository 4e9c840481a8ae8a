import { status as grpcStatus } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import type { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import { ContentSource } from './contents.ts';

type Done = (error: object | null, response?: object) => void;

/** What a controller answers each request with. */
function clientOf(answer: (request: object, done: Done) => void): AgentGatewayClient {
  const fetchContent = (request: object, _metadata: unknown, _options: unknown, done: Done): void =>
    answer(request, done);
  return { fetchContent } as unknown as AgentGatewayClient;
}

const content = { kind: 'secret', source: 'db', number: 2 } as const;

test('asks for one version, as the task that has it, in the session of the moment', async () => {
  const source = new ContentSource(new VirtualClock());
  await expect(source.fetch('t1', content)).rejects.toMatchObject({
    code: 'unreachable',
    message: 'secret db@2 cannot be had: no controller is connected',
  });
  const asked: object[] = [];
  const client = clientOf((request, done) => {
    asked.push(request);
    done(null, { value: Buffer.from('x') });
  });
  source.use('session', client);
  expect(Buffer.from(await source.fetch('t1', content)).toString()).toBe('x');
  expect(asked).toEqual([{ sessionId: 'session', taskId: 't1', kind: 'secret', name: 'db', number: 2 }]);
});

test.each([
  ['a refusal is not tried again', grpcStatus.FAILED_PRECONDITION, 'not_allowed'],
  ['a session that has ended is', grpcStatus.UNAUTHENTICATED, 'unreachable'],
  ['a controller that is away is', grpcStatus.UNAVAILABLE, 'unreachable'],
  ['one that does not answer in time is', grpcStatus.DEADLINE_EXCEEDED, 'unreachable'],
])('%s', async (_what, code, as) => {
  const source = new ContentSource(new VirtualClock());
  source.use(
    'session',
    clientOf((_request, done) => done({ code, details: 'its words' })),
  );
  await expect(source.fetch('t1', content)).rejects.toMatchObject({
    code: as,
    message: 'secret db@2 cannot be had: its words',
  });
});
