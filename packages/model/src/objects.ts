import type { StoredImage } from './image.ts';
import type { Node } from './node.ts';
import type { Revision, Service } from './service.ts';
import type { ClusterSettings } from './settings.ts';
import type { Task } from './task.ts';

/** Every kind of object in the store; the key is `/gantry/v1/<kind>/<id>`. */
export interface ObjectKinds {
  readonly node: Node;
  readonly service: Service;
  readonly revision: Revision;
  readonly task: Task;
  readonly settings: ClusterSettings;
  readonly image: StoredImage;
}

export type Kind = keyof ObjectKinds;
export type AnyObject = ObjectKinds[Kind];
export const kinds = [
  'node',
  'service',
  'revision',
  'task',
  'settings',
  'image',
] as const satisfies readonly Kind[];
