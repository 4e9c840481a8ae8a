import { registryOf } from '@gantry/model/image-ref';
import type { RegistryCredential } from '@gantry/model/registry';
import { isTerminal } from '@gantry/model/task';
import type { CredentialStore } from '../images/credentials.ts';
import type { View } from '../store/store.ts';

/** What was given for an image's registry, if a task that this node holds runs the image: no other node gets it. */
export function credentialFor(
  view: View,
  credentials: Pick<CredentialStore, 'find'>,
  nodeId: string,
  ref: string,
): RegistryCredential | undefined {
  for (const task of view.tasksOnNode(nodeId)) {
    if (isTerminal(task.status.state) || task.desired !== 'running') continue;
    const service = view.get('service', task.serviceId);
    if (!service || view.get('revision', task.revisionId)?.image.ref !== ref) continue;
    const found = credentials.find(service.spec.stack, registryOf(ref));
    if (found) return found;
  }
  return undefined;
}

/** Of these images, those that a revision names: a task may run them, or a rollback may go back to them. */
export function keptImages(view: View, digests: readonly string[]): readonly string[] {
  const asked = new Set(digests);
  const kept = new Set<string>();
  for (const { image } of view.all('revision')) if (asked.has(image.digest)) kept.add(image.digest);
  return [...kept];
}
