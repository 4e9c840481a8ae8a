import { GantryError } from '@gantry/kit/errors';
import type { Bandwidth } from '@gantry/model/limits';
import { sharedNetworks, reachesOutside } from '@gantry/model/network';
import type { NodeNetwork } from '@gantry/model/node';
import type { PortSpec } from '@gantry/model/service';
import type { Attachment, Network, NetworkState, TaskNetworking } from './network.ts';
import { AddressBook, type Lease } from './plan/address-book.ts';
import { containerAddresses, namesOf } from './plan/address-plan.ts';

/** Who opens a connection: a container of this host by its id, the host itself, or somebody outside of the cluster. */
export type Asker = { readonly container: string } | 'host' | 'outside';

/** The network in memory: addresses, and an answer to who would be reached. No packet goes anywhere. */
export class FakeNetwork implements Network {
  readonly #book: AddressBook;
  readonly #now: () => number;
  state: NetworkState | undefined;
  readonly limits = new Map<string, Bandwidth>();
  #pool: { readonly subnet: string; readonly addresses: readonly string[] } | undefined;

  /** `book`: what another life of this host left. */
  constructor(now: () => number = () => 0, book = new AddressBook()) {
    this.#now = now;
    this.#book = book;
  }

  configure(state: NetworkState): Promise<void> {
    this.state = state;
    return Promise.resolve();
  }

  attach(containerId: string, hostPorts: readonly PortSpec[]): Promise<Attachment> {
    return new Promise((resolve) => resolve(attachmentOf(this.#lease(containerId, hostPorts))));
  }

  limit(containerId: string, bandwidth: Bandwidth | undefined): Promise<void> {
    if (bandwidth) this.limits.set(containerId, bandwidth);
    else this.limits.delete(containerId);
    return Promise.resolve();
  }

  detach(containerId: string): Promise<void> {
    this.limits.delete(containerId);
    this.#book.release(containerId, this.#now());
    return Promise.resolve();
  }

  settled(_containerId: string): Promise<void> {
    return Promise.resolve();
  }

  attached(): Promise<readonly Attachment[]> {
    return Promise.resolve(this.#book.held().map(attachmentOf));
  }

  report(): NodeNetwork {
    return { keys: [], encrypted: this.state?.encryption?.mode === 'wireguard' };
  }

  teardown(): Promise<void> {
    for (const { containerId } of this.#book.held()) this.#book.release(containerId, this.#now());
    this.state = undefined;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The container that a connection reaches, or `refused`: the rules of the network in a few lines. */
  reach(
    from: Asker,
    address: string,
    target: Pick<PortSpec, 'protocol'> & { readonly port: number },
  ): string {
    const endpoints = this.state?.endpoints ?? [];
    const service = endpoints.find(
      ({ vip, networking }) => vip === address && networking.endpointMode === 'vip',
    );
    const backend = service?.backends[0];
    if (service) return backend && this.#may(from, backend.address) ? backend.taskId : 'refused';
    if (address === this.state?.address || address.startsWith('127.')) {
      return this.#isInward(from) ? 'refused' : (this.#published(address, target) ?? 'refused');
    }
    const local = this.#book.held().find((lease) => lease.address === address)?.containerId;
    const remote = endpoints
      .flatMap(({ backends }) => backends)
      .find((one) => one.address === address)?.taskId;
    return this.#may(from, address) ? (local ?? remote ?? 'refused') : 'refused';
  }

  #lease(containerId: string, hostPorts: readonly PortSpec[]): Lease {
    if (!this.state)
      throw new GantryError('unreachable', 'this host has no addresses yet: it waits for the controller');
    this.#book.rested(this.#now());
    return (
      this.#book.get(containerId) ??
      this.#book.take(containerId, this.#addresses(this.state.subnet), hostPorts, this.#now())
    );
  }

  /** Listed once: many nodes of one process begin many tasks. */
  #addresses(subnet: string): readonly string[] {
    if (this.#pool?.subnet !== subnet) this.#pool = { subnet, addresses: containerAddresses(subnet) };
    return this.#pool.addresses;
  }

  #published(address: string, { protocol, port }: { protocol: string; port: number }): string | undefined {
    const matches = (spec: PortSpec): boolean =>
      spec.published === port && spec.protocol === protocol && (spec.hostIp ?? address) === address;
    const service = this.state?.endpoints.find(({ ports }) => ports.some(matches));
    const holder = this.#book.held().find(({ hostPorts }) => hostPorts.some(matches));
    return service?.backends[0]?.taskId ?? holder?.containerId;
  }

  #may(from: Asker, address: string): boolean {
    if (typeof from === 'string') return from === 'host';
    const [asker, asked] = [this.#task(from.container)?.networking, this.#networksAt(address)];
    return asker !== undefined && asked !== undefined && sharedNetworks(asker, asked).length > 0;
  }

  #networksAt(address: string): TaskNetworking['networking'] | undefined {
    const local = this.#book.held().find((lease) => lease.address === address);
    if (local) return this.#task(local.containerId)?.networking;
    const isAt = ({ backends, idle }: NetworkState['endpoints'][number]): boolean =>
      idle.includes(address) || backends.some((one) => one.address === address);
    return this.state?.endpoints.find(isAt)?.networking;
  }

  #isInward(from: Asker): boolean {
    const task = typeof from === 'string' ? undefined : this.#task(from.container);
    return task !== undefined && !reachesOutside(task.networking);
  }

  #task(id: string): TaskNetworking | undefined {
    return this.state?.tasks.find(({ taskId }) => taskId === id);
  }
}

function attachmentOf({ containerId, address, hostPorts }: Lease): Attachment {
  return { containerId, address, netns: `/run/netns/${namesOf(containerId).netns}`, hostPorts };
}
