import { GantryError } from '@gantry/kit/errors';
import { stackProblems } from '@gantry/model/dependency';
import type { PortSpec, ServiceSpec } from '@gantry/model/service';
import { problemsOf } from '@gantry/model/validate';
import type { View } from '../store/store.ts';
import { FieldError } from './errors.ts';
import { fullName } from './names.ts';

/** What must hold of every spec by itself. Throws `invalid`, with the field. */
export function check(stack: string, specs: readonly ServiceSpec[]): void {
  const names = new Set<string>();
  for (const spec of specs) {
    if (spec.stack !== stack)
      throw new GantryError('invalid', `service ${spec.name} is of another stack, ${spec.stack}`);
    if (names.has(spec.name))
      throw new GantryError('invalid', `service ${spec.name} stands in the file twice`);
    names.add(spec.name);
    const [problem] = problemsOf(spec);
    if (problem) {
      throw new FieldError(
        `services.${spec.name}.${problem.path}`,
        new GantryError('invalid', `${spec.name}: ${problem.message}`),
      );
    }
  }
}

/** What a service depends on must be in the stack once this is applied. */
export function checkDependencies(
  view: View,
  stack: string,
  specs: readonly ServiceSpec[],
  prune: boolean,
): void {
  const given = new Set(specs.map(({ name }) => name));
  const kept = prune ? [] : [...view.servicesOfStack(stack)].map(({ spec }) => spec);
  const [problem] = stackProblems([...specs, ...kept.filter(({ name }) => !given.has(name))]);
  if (!problem) return;
  throw new FieldError(
    `services.${problem.service}.${problem.path}`,
    new GantryError('invalid', problem.message),
  );
}

/** A published port belongs to one service of the cluster, whatever its mode. */
export function checkPorts(view: View, specs: readonly ServiceSpec[]): void {
  const holders = new Map<string, string>();
  const ours = new Set(specs.map(({ stack, name }) => `${stack}/${name}`));
  for (const service of view.all('service')) {
    if (ours.has(fullName(service)) || service.removing) continue;
    for (const port of service.publishedPorts ?? service.spec.ports)
      holders.set(portKey(port), fullName(service));
  }
  for (const spec of specs) {
    spec.ports.forEach((port, index) => {
      const holder = holders.get(portKey(port));
      if (port.published !== 0 && holder !== undefined) {
        const message = `port ${port.published}/${port.protocol} of ${spec.name} is taken by ${holder}`;
        const taken = new GantryError('port_taken', message, {
          hint: 'publish another port, or remove that service',
        });
        throw new FieldError(`services.${spec.name}.ports.${index}`, taken);
      }
      if (port.published !== 0) holders.set(portKey(port), `${spec.stack}/${spec.name}`);
    });
  }
}

function portKey({ published, protocol }: PortSpec): string {
  return `${published}/${protocol}`;
}
