import type { ServiceView, TaskView } from '@gantry/proto/gen/gantry/v1/control';
import { fullName } from './networks.ts';

/** Whether one service may open connections to another, or to the outside, and through what. */
export interface Why {
  readonly from: string;
  readonly to: string;
  readonly allowed: boolean;
  /** One sentence. */
  readonly because: string;
  /** What follows, a line each. */
  readonly details: readonly string[];
  /** What to do if it should be otherwise. */
  readonly hint?: string;
}

/** Stands for everything that is no container of the cluster. */
export const outside = 'outside';

type Networks = NonNullable<ServiceView['networking']>['networks'];

/** The rules that hosts enforce, said for two services; `tasks` are those of `to`. */
export function whyService(from: ServiceView, to: ServiceView, tasks: readonly TaskView[]): Why {
  const names = { from: fullName(from), to: fullName(to) };
  const [mine, theirs] = [networksOf(from), networksOf(to)];
  const shared = theirs.filter(({ name }) => mine.some((network) => network.name === name));
  if (shared.length > 0) {
    return {
      ...names,
      allowed: true,
      because: `both are on network ${words(shared.map(({ name }) => name))}`,
      details: [...ways(from, to, shared), ...readiness(tasks)],
    };
  }
  const published = isInternal(mine) ? [] : to.ports.filter(({ published: port }) => port > 0);
  return {
    ...names,
    allowed: false,
    because: 'they share no network',
    details: [
      `${names.from} is on ${listed(mine)}`,
      `${names.to} is on ${listed(theirs)}`,
      ...published.map(
        ({ published: port, protocol }) => `only its published port ${port}/${protocol} of a host answers`,
      ),
    ],
    hint: hintFor(from, to),
  };
}

/** A service and the world outside of the cluster. */
export function whyOutside(from: ServiceView): Why {
  const networks = networksOf(from);
  const open = networks.filter(({ internal }) => !internal);
  const names = { from: fullName(from), to: outside };
  if (open.length > 0) {
    const because = `network ${words(open.map(({ name }) => name))} is open to the outside`;
    return { ...names, allowed: true, because, details: ["it is seen there with its host's address"] };
  }
  const because = networks.length === 0 ? 'it is on no network' : 'all its networks are internal';
  const hint = 'put it on one more network that is not internal';
  return { ...names, allowed: false, because, details: [`${names.from} is on ${listed(networks)}`], hint };
}

/** The world and a service: only what is published is open. */
export function whyFromOutside(to: ServiceView): Why {
  const names = { from: outside, to: fullName(to) };
  const ports = to.ports.filter(({ published }) => published > 0);
  if (ports.length === 0) {
    const hint = 'publish a port with ports:';
    return { ...names, allowed: false, because: 'it publishes no port', details: [], hint };
  }
  return {
    ...names,
    allowed: true,
    because: 'it publishes ports',
    details: ports.map(({ published, target, protocol, mode, hostIp }) => {
      const where = mode === 'host' ? 'of the hosts where its tasks are' : 'of every host';
      return `port ${published}/${protocol} ${where}${hostIp === undefined ? '' : `, on ${hostIp} only,`} leads to port ${target}`;
    }),
  };
}

/** By what names and addresses. A name without the stack means the own stack first. */
function ways(from: ServiceView, to: ServiceView, shared: Networks): readonly string[] {
  const own = from.stack === to.stack ? [to.name] : [];
  const names = [...own, `${to.name}.${to.stack}`, ...shared.flatMap(({ aliases }) => aliases)];
  const mode = to.networking?.endpointMode;
  return [
    `names: ${[...new Set(names)].join(', ')}; single tasks: tasks.${to.name}.${to.stack}`,
    mode === 'dnsrr'
      ? 'its name is the addresses of all ready tasks'
      : `its name is ${to.vip}, balanced over all ready tasks${to.networking?.affinity === 'client' ? ', a client stays with one' : ''}`,
    'every port is open to it',
  ];
}

function readiness(tasks: readonly TaskView[]): readonly string[] {
  const ready = tasks.filter(({ status, desired }) => status?.ready && desired === 'running');
  if (ready.length === 0) return ['no task is ready: connections are refused at once'];
  return ready.map(
    ({ slot, id, node, status }) =>
      `task ${slot === 0 ? id : slot} on ${node} has ${status?.address ?? 'no address'}`,
  );
}

function hintFor(from: ServiceView, to: ServiceView): string {
  const name = networksOf(to)[0]?.name;
  if (name === undefined) return `put ${fullName(to)} on a network`;
  return from.stack === to.stack
    ? `put ${fullName(from)} on one of the networks of ${to.name}`
    : `declare in the file of ${from.stack}: networks: { ${to.stack}: { external: true, name: ${name} } }, and put ${from.name} on it`;
}

function networksOf({ networking }: ServiceView): Networks {
  return networking?.networks ?? [];
}

function isInternal(networks: Networks): boolean {
  return networks.every(({ internal }) => internal);
}

function listed(networks: Networks): string {
  if (networks.length === 0) return 'no network';
  return networks.map(({ name, internal }) => (internal ? `${name} (internal)` : name)).join(', ');
}

function words(names: readonly string[]): string {
  return names.join(' and ');
}
