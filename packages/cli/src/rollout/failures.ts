import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { failuresAllowed, groupedBy, placeOf, type Goal } from './goal.ts';

/** Tasks that failed since the wait began; what failed before is history. */
export class Failures {
  readonly #tasks = new Map<string, TaskView>();
  readonly #history = new Set<string>();

  /** Takes a task's state in. `news`: the wait had begun, or all of the service's tasks are news. */
  count(task: TaskView, news: boolean): void {
    if (task.status?.state !== 'failed' && task.status?.state !== 'rejected') return;
    if (!news) this.#history.add(task.id);
    if (!this.#history.has(task.id)) this.#tasks.set(task.id, task);
  }

  isHistory(taskId: string): boolean {
    return this.#history.has(taskId);
  }

  /** Those at the same place as the task, in the order in which they were heard of. */
  besides({ serviceId, ...task }: TaskView): readonly TaskView[] {
    const place = placeOf({ serviceId, ...task });
    return this.#all(serviceId).filter((other) => placeOf(other) === place);
  }

  /** A place of the newest revision has failed so often that waiting makes no sense. */
  areHopeless(goal: Goal, service: ServiceView): boolean {
    const own = this.#all(service.id).filter(({ revision }) => revision === service.revision);
    return [...groupedBy(own, placeOf).values()].some((failures) =>
      (['failed', 'rejected'] as const).some(
        (state) =>
          failures.filter(({ status }) => status?.state === state).length >= failuresAllowed(goal, state),
      ),
    );
  }

  #all(serviceId: string): readonly TaskView[] {
    return [...this.#tasks.values()].filter((task) => task.serviceId === serviceId);
  }
}
