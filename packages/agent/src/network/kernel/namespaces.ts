import { statSync } from 'node:fs';
import type { Clock } from '@gantry/kit/clock';
import { namesOf } from '../plan/address-plan.ts';

const namespacesDir = '/run/netns';
/** Node hears nothing of mounts: the namespace is looked for so often, ms, in the few ms until it is there. */
const lookMs = 1;

/**
 * Resolves once the namespace that `plugging` makes first has its name; throws if that fails before. A container can be created in
 * it while its link is made, which takes longer.
 */
export function namespaceMade(clock: Clock, containerId: string, plugging: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancel = (): void => undefined;
    const look = (): void => {
      if (namespaceStands(containerId)) resolve();
      else cancel = clock.after(lookMs, look);
    };
    plugging.then(resolve, reject).finally(() => cancel());
    look();
  });
}

/** True if the container's namespace has its name: a file of another file system than its directory's. */
export function namespaceStands(containerId: string): boolean {
  const path = `${namespacesDir}/${namesOf(containerId).netns}`;
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.dev !== statSync(namespacesDir).dev;
}
