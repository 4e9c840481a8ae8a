import { decode, parseKey } from '@gantry/controller/store/codec';
import type { Change } from '@gantry/controller/store/store';
import { Tables } from '@gantry/controller/store/tables';
import { prefix } from './controller.ts';
import type { EtcdState } from './etcd.ts';

/** What etcd really holds at this moment, whatever each controller sees of it. */
export class Truth {
  readonly view = new Tables();
  readonly #onChange: (change: Change) => void;

  constructor(etcd: EtcdState, onChange: (change: Change) => void) {
    this.#onChange = onChange;
    etcd.listen((revision, events) => {
      for (const { key, value } of events) this.#take(key, value, revision);
    });
  }

  #take(key: string, value: Buffer | undefined, revision: number): void {
    const parsed = parseKey(key.slice(prefix.length + 1));
    if (!parsed) return;
    const object = value && decode(parsed.kind, value.toString('utf8'), revision);
    this.view.revision = revision;
    const change = this.view.apply(parsed.kind, parsed.id, object);
    if (change) this.#onChange(change);
  }
}
