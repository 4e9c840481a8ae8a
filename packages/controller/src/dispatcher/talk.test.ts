import { credentials, Server, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { GantryError } from '@gantry/kit/errors';
import {
  AgentGatewayClient,
  AgentGatewayService,
  type AgentGatewayServer,
  type SessionDown,
} from '@gantry/proto/gen/gantry/v1/agent';
import { listening } from '../../../../tests/support/grpc.ts';
import { unknownSession } from './answering.ts';
import { Sessions } from './sessions.ts';
import { hearTalk, type Word } from './talk.ts';

/* The door as it is, over gRPC: how a call ends is what the agent's next session depends on. */
let server: Server;
let client: AgentGatewayClient;
let sessions: Sessions;
/** What a word does. */
let take: (word: Word) => Promise<readonly string[]>;

beforeEach(async () => {
  sessions = new Sessions(new VirtualClock());
  sessions.begin('s1', 'n1');
  take = () => Promise.resolve([]);
  server = new Server();
  const session = (id: string) => {
    const found = sessions.beat(id);
    if (!found) throw unknownSession();
    return found;
  };
  const door: Partial<AgentGatewayServer> = {
    session: (call) => hearTalk(call, { session, take: (_session, word) => take(word) }),
  };
  server.addService(AgentGatewayService, door as AgentGatewayServer);
  client = new AgentGatewayClient(await listening(server), credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

/** Says the words of a session; the answers, and how the call ended, are told to the test. */
function talk(sessionId: string): {
  say: (number: number, body: Word) => void;
  answer: () => Promise<SessionDown>;
  end: Promise<number>;
} {
  const stream = client.session();
  const answers: SessionDown[] = [];
  let next: (down: SessionDown) => void = (down) => answers.push(down);
  stream.on('data', (down: SessionDown) => next(down));
  const end = new Promise<number>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(error.code));
    stream.on('end', () => resolve(status.OK));
  });
  stream.write({ number: 0, body: { $case: 'hello', value: { sessionId } } });
  return {
    say: (number, body) => stream.write({ number, body }),
    answer: () => {
      const first = answers.shift();
      return first ? Promise.resolve(first) : new Promise((resolve) => (next = resolve));
    },
    end,
  };
}

const beat: Word = { $case: 'heartbeat', value: { pressure: '', network: undefined } };
const report: Word = { $case: 'report', value: { tasks: [] } };

describe('words of a session', () => {
  test('are answered by their number, in the order in which they are taken in', async () => {
    let stored: () => void = () => undefined;
    take = ({ $case }) =>
      $case === 'report'
        ? new Promise((resolve) => (stored = () => resolve(['t1'])))
        : Promise.resolve<readonly string[]>([]);
    const { say, answer } = talk('s1');
    say(1, report);
    say(2, beat);
    expect(await answer()).toEqual({ number: 2, unknownTasks: [] });
    stored();
    expect(await answer()).toEqual({ number: 1, unknownTasks: ['t1'] });
  });

  test('that want no answer get none', async () => {
    const { say, answer } = talk('s1');
    say(0, { $case: 'applied', value: 7 });
    say(1, beat);
    expect((await answer()).number).toBe(1);
  });

  test('of a session that is not known end the call, and the agent registers anew', async () => {
    expect(await talk('other').end).toBe(status.UNAUTHENTICATED);
  });

  test('end the call when they cannot be taken in', async () => {
    take = () => Promise.reject(new GantryError('unreachable', 'etcd is away'));
    const { say, end } = talk('s1');
    say(1, report);
    expect(await end).toBe(status.UNAVAILABLE);
  });

  test('are over when a newer session of the host begins', async () => {
    const { say, answer, end } = talk('s1');
    say(1, beat);
    await answer();
    sessions.begin('s2', 'n1');
    expect(await end).toBe(status.OK);
  });
});
