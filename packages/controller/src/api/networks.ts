import { GantryError } from '@gantry/kit/errors';
import { networkingOf } from '@gantry/model/network';
import type { ServiceSpec } from '@gantry/model/service';
import type { View } from '../store/store.ts';
import { FieldError } from './errors.ts';
import { fullName } from './names.ts';

/** All services on a network say the same of whether it is internal: else one stack could open another's to the world. */
export function checkNetworks(view: View, specs: readonly ServiceSpec[]): void {
  const ours = new Set(specs.map(({ stack, name }) => `${stack}/${name}`));
  const known = new Map<string, { readonly internal: boolean; readonly by: string }>();
  const note = (spec: ServiceSpec): void => {
    for (const { name, internal } of networkingOf(spec).networks)
      known.set(name, { internal, by: `${spec.stack}/${spec.name}` });
  };
  for (const service of view.all('service'))
    if (!service.removing && !ours.has(fullName(service))) note(service.spec);
  for (const spec of specs) {
    networkingOf(spec).networks.forEach(({ name, internal }, index) => {
      const other = known.get(name);
      if (!other || other.internal === internal) return;
      const message = `network ${name} is ${other.internal ? 'internal' : 'open to the outside'} for ${other.by}, and ${internal ? 'internal' : 'open'} for ${spec.name}`;
      const conflict = new GantryError('conflict', message, {
        hint: `write internal: ${other.internal} here, or change it for all services on the network`,
      });
      throw new FieldError(`services.${spec.name}.networking.networks.${index}`, conflict);
    });
    note(spec);
  }
}
