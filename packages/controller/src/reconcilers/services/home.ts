import type { NodeId, RevisionId } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import { boundTo, isTerminal, type Task } from '@gantry/model/task';
import { holdsVolume, volumesOf } from '@gantry/model/volume';
import type { Change, View } from '../../store/store.ts';
import type { Place } from './places.ts';

/**
 * The node that a new task of a place must go to, because the data of its named volumes is there; undefined if it may go anywhere.
 * Each node holds data of its own under a volume's name, so a place goes back to where it ran last. One that never ran goes
 * to a node that holds the volumes and is no other place's: first one that is ready; one that is down only if no place of
 * the service has data yet, for then the data there is surely what is meant. `given`: what one decision has given out already.
 */
export function homeOf(
  view: View,
  service: Service,
  place: Place,
  revisionId: RevisionId,
  given: Set<NodeId>,
): NodeId | undefined {
  const revision = view.get('revision', revisionId);
  const names = revision ? volumesOf(revision.container) : [];
  if (names.length === 0) return undefined;
  const last = [...place.tasks].sort(newestFirst).find((task) => hasData(view, task, names));
  const home = last?.nodeId ?? freeHome(view, service, names, given);
  if (home !== undefined) given.add(home);
  return home;
}

function freeHome(
  view: View,
  { id }: Service,
  names: readonly string[],
  given: ReadonlySet<NodeId>,
): NodeId | undefined {
  const [taken, begun] = [new Set(given), new Set<NodeId>()];
  for (const task of view.tasksOfService(id)) {
    const [node, data] = [boundTo(task), hasData(view, task, names)];
    if (node !== undefined && (data || !isTerminal(task.status.state))) taken.add(node);
    if (data) begun.add(node ?? '');
  }
  return [...view.all('node')]
    .filter((node) => countOf(node, names) > 0 && !taken.has(node.id))
    .filter(({ state }) => state === 'ready' || begun.size === 0)
    .sort((a, b) => rank(a) - rank(b) || countOf(b, names) - countOf(a, names) || (a.id < b.id ? -1 : 1))[0]
    ?.id;
}

/** Services that have a place for a task, and whose volumes came or went on a node. */
export function* holdsOtherVolumes(
  { before, after }: Change & { kind: 'node' },
  view: View,
): Iterable<string> {
  const held = (node: Node | undefined): readonly string[] =>
    node?.volumes?.held.map(({ name }) => name) ?? [];
  const [was, is] = [new Set(held(before)), new Set(held(after))];
  const facing = (node: Node | undefined): string => `${node?.state ?? ''} ${node?.availability ?? ''}`;
  const moved = facing(before) !== facing(after);
  const names = moved ? [...was, ...is] : [...was, ...is].filter((name) => was.has(name) !== is.has(name));
  if (names.length === 0) return;
  for (const service of view.all('service')) {
    const uses = [...view.revisionsOfService(service.id)].some(({ container }) =>
      volumesOf(container).some((name) => names.includes(name)),
    );
    if (uses) yield service.id;
  }
}

/** It came so far as to have the volumes, and its node still has one of them, or has not said. */
function hasData(view: View, task: Task, names: readonly string[]): boolean {
  const node = view.get('node', task.nodeId ?? '');
  if (!node || task.status.state === 'assigned' || task.status.state === 'rejected') return false;
  return node.volumes === undefined || node.volumes.leftOut > 0 || countOf(node, names) > 0;
}

function countOf({ volumes }: Node, names: readonly string[]): number {
  return names.filter((name) => holdsVolume(volumes, name)).length;
}

function rank({ state, availability }: Node): number {
  return (state === 'ready' ? 0 : 2) + (availability === 'active' ? 0 : 1);
}

function newestFirst(a: Task, b: Task): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}
