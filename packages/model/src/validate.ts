import { parseConstraint } from './constraint.ts';
import { contentProblems } from './content-mount.ts';
import { dependencyProblems } from './dependency.ts';
import { namePattern } from './ids.ts';
import { isolationProblems } from './isolation.ts';
import { jobProblems } from './job.ts';
import { tuningProblems } from './limits.ts';
import { namingProblems } from './naming.ts';
import { isAddress, isMountTarget, isSafePath, isWhole, type Problem } from './rules.ts';
import { networkProblems } from './network-problems.ts';
import { placementProblems } from './placement.ts';
import { healthProblems } from './health.ts';
import { loggingProblems } from './logging.ts';
import type { ContainerSpec, PortSpec, Resources, ServiceSpec } from './service.ts';
import { volumeProblems } from './volume.ts';
import { policyProblems } from './update.ts';

export type { Problem } from './rules.ts';

/** The most replicas a service may have; more is a typing error sooner than a wish. */
export const maxReplicas = 10_000;

/** Everything that is wrong with a spec, or nothing. */
export function problemsOf(spec: ServiceSpec): readonly Problem[] {
  return [
    ...nameProblems(spec),
    ...modeProblems(spec),
    ...containerProblems(spec.container),
    ...healthProblems(spec.container.health),
    ...loggingProblems(spec.container.logging),
    ...spec.ports.flatMap((port, index) => portProblems(port, `ports.${index}`)),
    ...duplicatePorts(spec.ports),
    ...spec.constraints.flatMap((text, index) => constraintProblems(text, `constraints.${index}`)),
    ...(spec.placement ? placementProblems(spec.placement) : []),
    ...restartProblems(spec),
    ...networkProblems(spec),
    ...(spec.update ? policyProblems(spec.update, 'update') : []),
    ...(spec.rollback ? policyProblems(spec.rollback, 'rollback') : []),
    ...(spec.job ? jobProblems(spec.job) : []),
    ...dependencyProblems(spec),
  ];
}

function nameProblems({ stack, name }: ServiceSpec): readonly Problem[] {
  return Object.entries({ stack, name })
    .filter(([, value]) => !namePattern.test(value))
    .map(([path, value]) => ({
      path,
      message: `"${value}" is not a name: use lower-case letters, digits and dashes, at most 63, and begin and end with a letter or digit`,
    }));
}

function modeProblems({ mode }: ServiceSpec): readonly Problem[] {
  if (mode.kind === 'global' || isWhole(mode.replicas, 0, maxReplicas)) return [];
  return [{ path: 'mode.replicas', message: `replicas must be a whole number from 0 to ${maxReplicas}` }];
}

function containerProblems(container: ContainerSpec): readonly Problem[] {
  const problems: Problem[] = [];
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `container.${path}`, message });
  if (!/^[^\s\0-][^\s\0]*$/.test(container.image)) wrong('image', 'an image is needed, e.g. nginx:1.27');
  for (const [name, value] of Object.entries(container.env)) {
    if (name === '' || /[=\0]/.test(name)) wrong('env', `"${name}" is not a name of an environment variable`);
    if (value.includes('\0'))
      wrong('env', `the value of ${name} has a NUL character, which no process can take`);
  }
  for (const key of ['entrypoint', 'command'] as const) {
    if (container[key]?.some((word) => word.includes('\0')))
      wrong(key, `the ${key} has a NUL character, which no process can take`);
  }
  if (container.workingDir !== undefined && !isSafePath(container.workingDir)) {
    wrong('workingDir', 'the working directory must be an absolute path, and not below /proc or /sys');
  }
  for (const target of container.tmpfs) {
    if (!isMountTarget(target))
      wrong('tmpfs', `"${target}" must be an absolute path, not / or /dev, and not below /proc or /sys`);
  }
  for (const name of [...container.capAdd, ...container.capDrop]) {
    if (!/^(CAP_)?[A-Z][A-Z_]+$/.test(name))
      wrong('capabilities', `"${name}" is not a capability, e.g. NET_BIND_SERVICE`);
  }
  if (
    container.hostname !== undefined &&
    !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/.test(container.hostname)
  ) {
    wrong('hostname', `"${container.hostname}" is not a host name`);
  }
  if (container.stopSignal !== undefined && !/^(SIG)?[A-Z0-9+-]+$/.test(container.stopSignal)) {
    wrong('stopSignal', `"${container.stopSignal}" is not a signal, e.g. SIGTERM`);
  }
  if (!isWhole(container.stopGraceMs, 0, 86_400_000))
    wrong('stopGraceMs', 'the stop grace period must be 0 to 24 h');
  const checks = [isolationProblems, tuningProblems, namingProblems, volumeProblems, contentProblems];
  const parts = checks.flatMap((check) =>
    check(container).map(({ path, message }) => ({ path: `container.${path}`, message })),
  );
  return [...problems, ...parts, ...resourceProblems(container)];
}

function resourceProblems({ limits, reservations }: ContainerSpec): readonly Problem[] {
  const names: readonly (keyof Resources)[] = ['cpuMillis', 'memoryBytes', 'pids'];
  return names.flatMap((name): Problem[] => {
    const [limit, reserved] = [limits[name], reservations[name]];
    if (
      [limit, reserved].some((value) => value !== undefined && !isWhole(value, 1, Number.MAX_SAFE_INTEGER))
    ) {
      return [{ path: `container.limits.${name}`, message: `${name} must be a whole number above 0` }];
    }
    if (limit === undefined || reserved === undefined || reserved <= limit) return [];
    return [
      { path: `container.reservations.${name}`, message: `the reservation of ${name} is above its limit` },
    ];
  });
}

function portProblems(port: PortSpec, path: string): readonly Problem[] {
  const problems: Problem[] = [];
  if (!isWhole(port.target, 1, 65_535)) {
    problems.push({ path: `${path}.target`, message: 'the port in the container must be 1 to 65535' });
  }
  if (!isWhole(port.published, 0, 65_535)) {
    problems.push({
      path: `${path}.published`,
      message: 'the published port must be 1 to 65535, or 0 to have one chosen',
    });
  } else if (port.mode === 'host' && port.published === 0) {
    problems.push({
      path: `${path}.published`,
      message: 'a port of mode host needs its number on the host, e.g. 8080:80',
    });
  }
  if (port.hostIp !== undefined && !isAddress(port.hostIp)) {
    problems.push({ path: `${path}.hostIp`, message: `"${port.hostIp}" is not an IPv4 address` });
  }
  return problems;
}

/** Two ports clash if their numbers are the same and one of them listens on every address, or both on the same. */
function duplicatePorts(ports: readonly PortSpec[]): readonly Problem[] {
  return ports.flatMap((port, index): Problem[] => {
    const again = ports
      .slice(0, index)
      .some(
        (other) =>
          other.published === port.published &&
          other.protocol === port.protocol &&
          (everywhere(other) || everywhere(port) || other.hostIp === port.hostIp),
      );
    return again && port.published !== 0
      ? [{ path: `ports.${index}`, message: `port ${port.published}/${port.protocol} is published twice` }]
      : [];
  });
}

function everywhere({ hostIp }: PortSpec): boolean {
  return hostIp === undefined || hostIp === '0.0.0.0';
}

function constraintProblems(text: string, path: string): readonly Problem[] {
  const parsed = parseConstraint(text);
  return typeof parsed === 'string' ? [{ path, message: parsed }] : [];
}

function restartProblems({ restart }: ServiceSpec): readonly Problem[] {
  const problems: Problem[] = [];
  const values = [restart.delayMs, restart.maxDelayMs, restart.windowMs];
  if (!values.every((value) => isWhole(value, 0, 86_400_000))) {
    problems.push({ path: 'restart', message: 'delays and windows of the restart policy must be 0 to 24 h' });
  }
  if (restart.maxAttempts !== undefined && !isWhole(restart.maxAttempts, 0, 1_000_000)) {
    problems.push({ path: 'restart.maxAttempts', message: 'attempts must be a whole number from 0' });
  }
  return problems;
}
