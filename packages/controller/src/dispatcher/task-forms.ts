import type { Revision, Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import * as fromModel from '@gantry/proto/from-model';
import type { View } from '../store/store.ts';
import { taskCommon } from './assignments.ts';

interface Form {
  readonly revision: Revision;
  readonly isCurrent: boolean;
  readonly bytes: Buffer;
}

/** What tasks of one revision have in common, as hosts are told of it: encoded once for all of them. */
export class TaskForms {
  readonly #view: () => View;
  readonly #fenceMs: number;
  /** By the spec that they were made of: a service whose spec changes is another object, and what was known of it goes. */
  readonly #known = new WeakMap<Service['spec'], Form[]>();

  constructor(view: () => View, fenceMs: number) {
    this.#view = view;
    this.#fenceMs = fenceMs;
  }

  /** The same buffer as long as nothing of it changes; undefined while service or revision are not there (any more). */
  of(task: Task): Buffer | undefined {
    const view = this.#view();
    const service = view.get('service', task.serviceId);
    const revision = view.get('revision', task.revisionId);
    if (!service || !revision) return undefined;
    const isCurrent = service.revisionId === revision.id;
    const forms = this.#known.get(service.spec) ?? [];
    const known = forms.find((form) => form.revision === revision && form.isCurrent === isCurrent);
    if (known) return known.bytes;
    const common = taskCommon(view, task, this.#fenceMs);
    if (!common) return undefined;
    const bytes = fromModel.taskCommon(common);
    // Of a revision that was written anew only the newest is asked for.
    const others = forms.filter((form) => form.revision.id !== revision.id);
    this.#known.set(service.spec, [...others, { revision, isCurrent, bytes }]);
    return bytes;
  }
}
