import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';

/** Deadline of every unary call to etcd, ms. */
export const callDeadlineMs = 5_000;

/**
 * The `etcd3` client with its fault handling off: by default it repeats every failed call, transactions included,
 * although their outcome may be unknown (ADR 2).
 */
export function connectEtcd(endpoints: readonly string[]): Etcd3 {
  return new Etcd3({
    hosts: [...endpoints],
    faultHandling: { global: noop, host: () => noop },
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + callDeadlineMs }),
    grpcOptions: {
      'grpc.keepalive_time_ms': 5_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    },
  });
}

/** The calls of etcd that this project uses. */
export interface EtcdApi {
  readonly kv: Pick<Etcd3['kv'], 'txn' | 'range'>;
  readonly watchClient: Pick<Etcd3['watchClient'], 'watch'>;
  readonly leaseClient: Pick<Etcd3['leaseClient'], 'leaseGrant' | 'leaseKeepAlive' | 'leaseRevoke'>;
}

/** The end of the key range that a prefix covers (etcd: prefix with its last byte plus one). */
export function prefixEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
