import type { EndpointAssignment } from '@gantry/model/assignment';
import type { TaskNetworking } from '../network.ts';
import { ElementList, type Elements } from './elements.ts';
import type { Local } from './locals.ts';

/** Which services are on which network, and a number for each network that was ever seen here. */
export class Memberships {
  readonly #services = new Map<string, Map<string, EndpointAssignment>>();
  readonly #networksOf = new Map<string, readonly string[]>();
  readonly #numbers = new Map<string, number>();

  set(endpoint: EndpointAssignment): void {
    this.forget(endpoint.serviceId);
    const names = endpoint.networking.networks.map(({ name }) => name);
    this.#networksOf.set(endpoint.serviceId, names);
    for (const name of names) {
      const services = this.#services.get(name) ?? new Map<string, EndpointAssignment>();
      this.#services.set(name, services.set(endpoint.serviceId, endpoint));
    }
  }

  forget(serviceId: string): void {
    for (const name of this.#networksOf.get(serviceId) ?? []) {
      const services = this.#services.get(name);
      services?.delete(serviceId);
      if (services?.size === 0) this.#services.delete(name);
    }
    this.#networksOf.delete(serviceId);
  }

  number(name: string): number {
    const known = this.#numbers.get(name) ?? this.#numbers.size + 1;
    this.#numbers.set(name, known);
    return known;
  }

  /** The networks of containers here → the addresses of those containers. */
  here(locals: readonly Local[]): ReadonlyMap<string, readonly string[]> {
    const here = new Map<string, string[]>();
    for (const { attachment, task } of locals) {
      for (const { name } of task?.networking.networks ?? []) {
        const addresses = here.get(name);
        if (addresses) addresses.push(attachment.address);
        else here.set(name, [attachment.address]);
      }
    }
    return here;
  }

  /** Everybody on a network: tasks of its services anywhere, and containers here before the controller knows of them. */
  elements(name: string, local: readonly string[], set: string): Elements {
    const list = new ElementList();
    for (const { backends, idle } of this.#services.get(name)?.values() ?? []) {
      for (const { address } of backends) list.put(set, address);
      for (const address of idle) list.put(set, address);
    }
    for (const address of local) list.put(set, address);
    return list.elements;
  }

  /** The networks of a task as a name for chains, e.g. `1_4`; empty: it is on none. */
  combo(task: TaskNetworking | undefined): string {
    const numbers = (task?.networking.networks ?? []).map(({ name }) => this.number(name));
    return [...new Set(numbers)].sort((a, b) => a - b).join('_');
  }
}
