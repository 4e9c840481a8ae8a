import type { Node } from '@gantry/model/node';
import type { Revision } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';

/** What the tasks on one node hold of it. Counted while tasks are placed, one decision long. */
export interface NodeLoad {
  readonly node: Node;
  cpuMillis: number;
  memoryBytes: number;
  tasks: number;
  readonly tasksOfService: Map<string, number>;
  /** Host-mode ports in use: `8080/tcp`. */
  readonly hostPorts: Set<string>;
}

/** What a task asks of a node; equal for all tasks of one revision. */
export interface Requirement {
  readonly serviceId: string;
  readonly revision: Revision;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly hostPorts: readonly string[];
}

export function requirementOf(revision: Revision): Requirement {
  const { reservations } = revision.container;
  return {
    serviceId: revision.serviceId,
    revision,
    cpuMillis: reservations.cpuMillis ?? 0,
    memoryBytes: reservations.memoryBytes ?? 0,
    hostPorts: revision.ports
      .filter(({ mode }) => mode === 'host')
      .map(({ published, protocol }) => `${published}/${protocol}`),
  };
}

/** The load of a node from the tasks that hold it. A task whose revision is gone counts as a task only. */
export function loadOf(
  node: Node,
  tasks: Iterable<Task>,
  revision: (id: string) => Revision | undefined,
): NodeLoad {
  const load: NodeLoad = {
    node,
    cpuMillis: 0,
    memoryBytes: 0,
    tasks: 0,
    tasksOfService: new Map(),
    hostPorts: new Set(),
  };
  for (const task of tasks) {
    if (isTerminal(task.status.state)) continue;
    const of = revision(task.revisionId);
    if (of) addTo(load, requirementOf(of));
    else load.tasks++;
  }
  return load;
}

/** Counts one more task of the requirement on the node. */
export function addTo(load: NodeLoad, requirement: Requirement): void {
  load.cpuMillis += requirement.cpuMillis;
  load.memoryBytes += requirement.memoryBytes;
  load.tasks++;
  const { serviceId } = requirement;
  load.tasksOfService.set(serviceId, (load.tasksOfService.get(serviceId) ?? 0) + 1);
  for (const port of requirement.hostPorts) load.hostPorts.add(port);
}
