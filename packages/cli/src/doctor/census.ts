/** One thing of ours found on the host. */
export interface Trace {
  readonly kind: TraceKind;
  /** The task it belongs to; absent for things of a whole node. */
  readonly taskId?: string;
  /** What it is, as one would name it to remove it: a path, a pid, an interface. */
  readonly what: string;
}

export type TraceKind =
  | 'monitor'
  | 'process'
  | 'cgroup'
  | 'mount'
  | 'netns'
  | 'link'
  | 'route'
  | 'nft'
  | 'run directory'
  | 'rootfs'
  | 'lease';

/** A trace that nothing accounts for. */
export interface Leak extends Trace {
  readonly why: string;
}

/** Tasks that the agents of this host hold, by their state files. */
export interface Expected {
  readonly taskIds: ReadonlySet<string>;
  /** True while this host (still) has an agent's state: then its tunnel and tables belong there. */
  readonly nodePresent: boolean;
}

/** Every trace that should not be there: its task is not held by an agent here, or the node itself is gone. */
export function findLeaks(traces: readonly Trace[], expected: Expected): readonly Leak[] {
  return traces.flatMap((trace): Leak[] => {
    if (trace.taskId !== undefined) {
      return expected.taskIds.has(trace.taskId)
        ? []
        : [{ ...trace, why: `no agent here holds task ${trace.taskId}` }];
    }
    return expected.nodePresent ? [] : [{ ...trace, why: 'there is no agent state on this host' }];
  });
}
