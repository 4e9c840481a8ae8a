import type { TaskId } from './ids.ts';

/** Tasks that should make way for one on another host, replacement first. Written by `api` for `gantry rebalance`. */
export interface Moves {
  readonly tasks: readonly TaskId[];
  /** ms since the epoch. */
  readonly at: number;
}

/** A move that has not come about by then is given up: the task stays where it is. */
export const movesForMs = 600_000;

/** True while the task should make way. */
export function isMoving(moves: Moves | undefined, task: TaskId, now: number): boolean {
  return moves !== undefined && now < moves.at + movesForMs && moves.tasks.includes(task);
}
