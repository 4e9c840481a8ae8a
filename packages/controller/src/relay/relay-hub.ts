import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { NodeId } from '@gantry/model/ids';
import type { RelayDown, RelayUp } from '@gantry/proto/gen/gantry/v1/agent';
import type { ExecOpen } from '@gantry/proto/gen/gantry/v1/exec';
import type { LogLine, LogOptions } from '@gantry/proto/gen/gantry/v1/types';
import type { RelayVolumesOrder, VolumeResult } from '@gantry/proto/gen/gantry/v1/volume';
import { ExecRelay, type UserExecCall } from './exec-relay.ts';
import { VolumeAsks } from './volume-asks.ts';

type RelayCall = ServerDuplexStream<RelayUp, RelayDown>;

interface SessionLike {
  readonly nodeId: NodeId;
  readonly onEnd: Set<() => void>;
}

/** Hears lines of one stream, and its end. */
export interface LogReceiver {
  lines(lines: readonly LogLine[]): void;
  /** An empty error: ended well. */
  end(error: string): void;
}

/** Live streams between users and tasks, on the call that each agent keeps open. Past the store, by design. */
export class RelayHub {
  readonly #calls = new Map<NodeId, RelayCall>();
  readonly #receivers = new Map<string, { readonly nodeId: NodeId; readonly receiver: LogReceiver }>();
  readonly #newId: () => string;
  readonly exec: ExecRelay;
  readonly #volumes: VolumeAsks;

  constructor(newId: () => string, clock: Clock) {
    this.#newId = newId;
    this.exec = new ExecRelay(newId, clock);
    this.#volumes = new VolumeAsks(newId, clock);
  }

  /** Runs a process in a task's container for a user's call. Throws `unreachable` if the node is not connected. */
  openExec(nodeId: NodeId, user: UserExecCall, open: ExecOpen, fail: (error: GantryError) => void): void {
    const call = this.#calls.get(nodeId);
    if (!call) throw new GantryError('unreachable', 'the host of the task is not connected');
    const ask = (streamId: string): void => {
      call.write({ body: { $case: 'openExec', value: { streamId } } });
    };
    this.exec.open(nodeId, user, open, ask, fail);
  }

  /** Takes an agent's call; its first message says whose it is. */
  accept(call: RelayCall, sessionOf: (id: string) => SessionLike | undefined): void {
    let nodeId: NodeId | undefined;
    call.on('error', () => undefined);
    call.on('data', ({ body }: RelayUp) => {
      if (body?.$case === 'hello') {
        const session = sessionOf(body.value.sessionId);
        if (!session) return call.end();
        nodeId = session.nodeId;
        this.#calls.set(nodeId, call);
        session.onEnd.add(() => call.end());
      } else if (body?.$case === 'logLines')
        this.#receivers.get(body.value.streamId)?.receiver.lines(body.value.lines);
      else if (body?.$case === 'volumesAnswer') this.#volumes.answer(body.value.streamId, body.value.results);
      else if (body?.$case === 'end') this.#finish(body.value.streamId, body.value.error);
    });
    const gone = (): void => {
      if (nodeId !== undefined && this.#calls.get(nodeId) === call) this.#lost(nodeId);
    };
    call.on('end', () => call.end());
    call.on('close', gone).on('cancelled', gone);
  }

  /** Has a node do something with its volumes; answers for each name. Throws `unreachable`, or `timeout`. */
  volumes(nodeId: NodeId, order: Omit<RelayVolumesOrder, 'streamId'>): Promise<readonly VolumeResult[]> {
    const call = this.#calls.get(nodeId);
    if (!call) return Promise.reject(new GantryError('unreachable', 'the host is not connected'));
    return this.#volumes.ask(nodeId, (streamId) => {
      call.write({ body: { $case: 'volumesOrder', value: { ...order, streamId } } });
    });
  }

  /** Opens a task's log on its node; answers with the way to stop. Throws `unreachable` if the node is not connected. */
  openLogs(nodeId: NodeId, taskId: string, options: LogOptions, receiver: LogReceiver): () => void {
    const call = this.#calls.get(nodeId);
    if (!call) throw new GantryError('unreachable', 'the host of the task is not connected');
    const streamId = this.#newId();
    this.#receivers.set(streamId, { nodeId, receiver });
    call.write({ body: { $case: 'openLogs', value: { streamId, taskId, options } } });
    return () => {
      if (!this.#receivers.delete(streamId)) return;
      this.#calls.get(nodeId)?.write({ body: { $case: 'cancel', value: { streamId } } });
    };
  }

  #finish(streamId: string, error: string): void {
    const open = this.#receivers.get(streamId);
    this.#receivers.delete(streamId);
    open?.receiver.end(error);
  }

  #lost(nodeId: NodeId): void {
    this.#calls.delete(nodeId);
    this.#volumes.lost(nodeId);
    for (const [streamId, open] of [...this.#receivers]) {
      if (open.nodeId === nodeId) this.#finish(streamId, 'the host of the task is no longer connected');
    }
  }
}
