import type { PortSpec } from '@gantry/model/service';
import { GantryError } from '@gantry/kit/errors';
import type { Attachment, Network, NetworkState } from './network.ts';

/** The network in memory: addresses and nothing else. */
export class FakeNetwork implements Network {
  readonly #attached = new Map<string, Attachment>();
  #next = 2;
  state: NetworkState | undefined;

  configure(state: NetworkState): Promise<void> {
    this.state = state;
    return Promise.resolve();
  }

  attach(containerId: string, hostPorts: readonly PortSpec[]): Promise<Attachment> {
    const known = this.#attached.get(containerId);
    if (known) return Promise.resolve(known);
    if (!this.state)
      throw new GantryError('unreachable', 'this host has no addresses yet: it waits for the controller');
    const address = this.state.subnet.replace(/\.0\/24$/, `.${this.#next++}`);
    const attachment = { containerId, address, netns: `/run/netns/gt-${containerId}`, hostPorts };
    this.#attached.set(containerId, attachment);
    return Promise.resolve(attachment);
  }

  detach(containerId: string): Promise<void> {
    this.#attached.delete(containerId);
    return Promise.resolve();
  }

  attached(): Promise<readonly Attachment[]> {
    return Promise.resolve([...this.#attached.values()]);
  }

  teardown(): Promise<void> {
    this.#attached.clear();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
