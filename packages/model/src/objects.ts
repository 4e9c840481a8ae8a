import type { StoredImage } from './image.ts';
import type { ContentVersion, Payload } from './content.ts';
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
  readonly config: ContentVersion<'config'>;
  readonly secret: ContentVersion<'secret'>;
  readonly payload: Payload;
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
  'config',
  'secret',
  'payload',
] as const satisfies readonly Kind[];
