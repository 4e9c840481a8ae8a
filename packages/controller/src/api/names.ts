import { GantryError } from '@gantry/kit/errors';
import { qualifiedName } from '@gantry/model/ids';
import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { View } from '../store/store.ts';

/** The shortest prefix of an id that is taken for one. */
const minPrefix = 4;

/**
 * Services that a name means: a stack (all of its services), a service, `stack/service`, or a prefix of an id. Throws
 * `not_found`, or `ambiguous` with the matches.
 */
export function servicesNamed(view: View, name: string, what: 'service' | 'any' = 'any'): readonly Service[] {
  const [stack = '', service] = name.split('/');
  if (service !== undefined) {
    const found = view.serviceNamed(stack, service);
    if (found) return [found];
    throw notFound(view, name);
  }
  const ofStack = what === 'any' ? [...view.servicesOfStack(name)] : [];
  if (ofStack.length > 0) return ofStack;
  const named = [...view.all('service')].filter(({ spec }) => spec.name === name);
  const matches = named.length > 0 ? named : byPrefix(view.all('service'), name);
  if (matches.length > 1) throw ambiguous(name, matches.map(fullName));
  if (matches.length === 0) throw notFound(view, name);
  return matches;
}

/** The one service that a name means. */
export function serviceNamed(view: View, name: string): Service {
  const [service] = servicesNamed(view, name, 'service');
  if (!service) throw notFound(view, name);
  return service;
}

/** Tasks that a name means: `service.slot`, a prefix of a task's id, or all of what `servicesNamed` finds. */
export function tasksNamed(view: View, name: string): readonly Task[] {
  const dot = /^(.+)\.(\d+)$/.exec(name);
  if (dot?.[1] !== undefined) {
    const service = serviceNamed(view, dot[1]);
    const tasks = [...view.tasksOfService(service.id)].filter(({ slot }) => slot === Number(dot[2]));
    if (tasks.length === 0)
      throw new GantryError('not_found', `${fullName(service)} has no slot ${dot[2] ?? ''}`);
    return tasks;
  }
  const tasks = byPrefix(view.all('task'), name);
  if (tasks.length === 1) return tasks;
  return servicesNamed(view, name).flatMap(({ id }) => [...view.tasksOfService(id)]);
}

/** The one host that a name, or a prefix of an id, means. */
export function nodeNamed(view: View, name: string): Node {
  const named = view.nodeNamed(name);
  if (named) return named;
  const [found, ...more] = byPrefix(view.all('node'), name);
  if (found && more.length === 0) return found;
  if (found)
    throw ambiguous(
      name,
      [found, ...more].map((node) => node.name),
    );
  const known = [...view.all('node')].map((node) => node.name).sort();
  throw new GantryError('not_found', `there is no host "${name}"`, { hint: `there are ${known.join(', ')}` });
}

export function fullName({ spec }: Service): string {
  return qualifiedName(spec.stack, spec.name);
}

function byPrefix<T extends { readonly id: string }>(objects: Iterable<T>, prefix: string): readonly T[] {
  return prefix.length < minPrefix ? [] : [...objects].filter(({ id }) => id.startsWith(prefix));
}

function notFound(view: View, name: string): GantryError {
  const known = [...view.all('service')].map(fullName).sort().slice(0, 8);
  return new GantryError('not_found', `there is no stack or service "${name}"`, {
    hint: known.length === 0 ? 'gantry apply -f FILE makes one' : `there are ${known.join(', ')}`,
  });
}

function ambiguous(name: string, matches: readonly string[]): GantryError {
  return new GantryError('ambiguous', `"${name}" means ${matches.join(' or ')}`, {
    hint: 'write stack/service',
  });
}
