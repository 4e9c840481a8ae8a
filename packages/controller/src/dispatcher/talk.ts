import type { ServerDuplexStream } from '@grpc/grpc-js';
import { failCall } from '@gantry/proto/fail-call';
import type { SessionDown, SessionUp } from '@gantry/proto/gen/gantry/v1/agent';
import { asStatus, unknownSession } from './answering.ts';
import type { Session } from './sessions.ts';

/** One thing that an agent says. */
export type Word = NonNullable<SessionUp['body']>;

export interface TalkDeps {
  /** The session that goes on; throws if it is over, or if this controller may not lead any more. */
  readonly session: (id: string) => Session;
  /** Takes a word in; resolves with what its answer says of tasks that are not known. */
  readonly take: (session: Session, word: Word) => Promise<readonly string[]>;
}

/**
 * Hears what an agent says as long as its session lasts, and answers each word by its number. A word that cannot be taken in
 * ends the call: the agent begins a new session, and says all of it again.
 */
export function hearTalk(call: ServerDuplexStream<SessionUp, SessionDown>, deps: TalkDeps): void {
  let sessionId: string | undefined;
  let open = true;
  const end = (): void => {
    if (open) call.end();
    open = false;
  };
  const fail = (error: unknown): void => {
    if (open) failCall(call, asStatus(error));
    open = false;
  };
  const greet = (id: string): void => {
    const session = deps.session(id);
    sessionId = id;
    session.onEnd.add(end);
    call.on('close', () => session.onEnd.delete(end));
  };
  const hear = async ({ number, body }: SessionUp): Promise<void> => {
    if (body?.$case === 'hello') return greet(body.value.sessionId);
    if (sessionId === undefined) throw unknownSession();
    const session = deps.session(sessionId);
    const unknownTasks = body ? await deps.take(session, body) : [];
    if (open && number > 0) call.write({ number, unknownTasks: [...unknownTasks] });
  };
  call.on('error', () => undefined);
  call.on('data', (up: SessionUp) => {
    if (open) hear(up).catch(fail);
  });
  call.on('end', end);
  call.on('close', () => (open = false));
}
