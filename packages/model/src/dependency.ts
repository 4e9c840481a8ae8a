import { namePattern } from './ids.ts';
import type { Problem } from './rules.ts';

/** What must be true of another service of the stack before this one begins, or goes over to a new revision. */
export interface Dependency {
  /** Name within the stack. */
  readonly service: string;
  /** Its tasks run; are ready, all of the newest revision; have ended well (for a job: its newest run). */
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  /** False: a service that does not exist is no obstacle. */
  readonly required: boolean;
}

interface Dependent {
  readonly name: string;
  readonly dependsOn?: readonly Dependency[];
}

/** What is wrong with the dependencies of one service by themselves. */
export function dependencyProblems({ name, dependsOn = [] }: Dependent): readonly Problem[] {
  return dependsOn.flatMap(({ service }): readonly Problem[] => {
    const path = `dependsOn.${service}`;
    if (!namePattern.test(service)) return [{ path, message: `"${service}" is not the name of a service` }];
    return service === name ? [{ path, message: `${name} cannot depend on itself` }] : [];
  });
}

/** What is wrong between the services of one stack: a dependency that is not there, or a circle. */
export function stackProblems(
  services: readonly Dependent[],
): readonly (Problem & { readonly service: string })[] {
  const names = new Map(services.map((service) => [service.name, service]));
  return services.flatMap((service) =>
    (service.dependsOn ?? []).flatMap(({ service: other, required }) => {
      const path = `dependsOn.${other}`;
      const at = { service: service.name, path };
      if (!names.has(other))
        return required
          ? [{ ...at, message: `${service.name} depends on ${other}, which is not in the stack` }]
          : [];
      const circle = circleFrom(names, service.name, other);
      return circle && other !== service.name
        ? [{ ...at, message: `these services wait for each other: ${circle.join(' → ')}` }]
        : [];
    }),
  );
}

/** The way from `next` back to `start`, if there is one. */
function circleFrom(
  names: ReadonlyMap<string, Dependent>,
  start: string,
  next: string,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const walk = (at: string, path: readonly string[]): readonly string[] | undefined => {
    if (at === start) return [...path, at];
    if (seen.has(at)) return undefined;
    seen.add(at);
    for (const { service } of names.get(at)?.dependsOn ?? []) {
      const found = walk(service, [...path, at]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(next, [start]);
}
