/** What a node and its containers use now; published on NATS every few seconds and never stored. */
export interface NodeUsage {
  readonly nodeId: string;
  readonly node: string;
  /** ms since the epoch. */
  readonly at: number;
  /** Of all cores, in millicores. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly tasks: readonly TaskUsage[];
}

export interface TaskUsage {
  readonly taskId: string;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly pids: number;
}

/** NATS subject that a node's usage is published on. */
export function usageSubject(nodeId: string): string {
  return `gantry.usage.${nodeId}`;
}
/** Subject pattern that hears every node. */
export const allUsage = 'gantry.usage.*';
