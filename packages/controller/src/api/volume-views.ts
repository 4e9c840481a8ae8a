import { isTerminal } from '@gantry/model/task';
import type { Node } from '@gantry/model/node';
import { volumesOf } from '@gantry/model/volume';
import type { VolumeCopy, VolumeView } from '@gantry/proto/gen/gantry/v1/volume';
import type { View } from '../store/store.ts';
import { fullName } from './names.ts';

/** All volumes of the cluster by name, each with its copies by node, and what the list does not show. */
export function listVolumes(view: View): { readonly volumes: VolumeView[]; readonly notes: string[] } {
  const copies = new Map<string, VolumeCopy[]>();
  const notes: string[] = [];
  for (const node of [...view.all('node')].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { held = [], leftOut = 0 } = node.volumes ?? {};
    const users = usersOn(view, node);
    for (const { name, createdAt } of held) {
      const copy = { nodeId: node.id, node: node.name, away: awayWords(node), createdAt };
      copies.set(name, [
        ...(copies.get(name) ?? []),
        { ...copy, usedBy: [...(users.get(name) ?? [])].sort() },
      ]);
    }
    if (leftOut > 0)
      notes.push(
        `${node.name} holds ${held.length + leftOut} volumes; the last ${leftOut} by name are not shown`,
      );
  }
  const volumes = [...copies].map(([name, list]) => ({ name, copies: list }));
  return { volumes: volumes.sort((a, b) => (a.name < b.name ? -1 : 1)), notes };
}

/** Names of volumes that some service has, or may go back to: never pruned without being asked to. */
export function namedByServices(view: View): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { container } of view.all('revision')) for (const name of volumesOf(container)) names.add(name);
  for (const { spec } of view.all('service')) for (const name of volumesOf(spec.container)) names.add(name);
  return names;
}

/** Why a node cannot be asked; empty if it can. */
export function awayWords(node: Node): string {
  if (node.state === 'down') return `${node.name} is down`;
  return node.silentSince === undefined ? '' : `${node.name} is silent`;
}

/** By volume, the tasks of a node that mount it or are about to: `stack/service.slot`. */
function usersOn(view: View, node: Node): ReadonlyMap<string, ReadonlySet<string>> {
  const users = new Map<string, Set<string>>();
  for (const task of view.tasksOnNode(node.id)) {
    const service = view.get('service', task.serviceId);
    const revision = view.get('revision', task.revisionId);
    if (!revision || isTerminal(task.status.state)) continue;
    const name = `${service ? fullName(service) : task.serviceId}${task.slot > 0 ? `.${task.slot}` : ''}`;
    for (const volume of volumesOf(revision.container))
      users.set(volume, (users.get(volume) ?? new Set()).add(name));
  }
  return users;
}
