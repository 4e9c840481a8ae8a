import type { Node } from 'yaml';
import type { ComposeDocument, Entry } from './document.ts';
import type { ReadService } from './service.ts';

/** Where fields of a spec stand in a Compose file: places to look at, the first that is there wins. */
const places: Readonly<Record<string, readonly string[]>> = {
  'mode.replicas': ['deploy.replicas', 'scale', 'replicas'],
  mode: ['deploy.mode'],
  env: ['environment'],
  workingDir: ['working_dir'],
  stopSignal: ['stop_signal'],
  stopGraceMs: ['stop_grace_period'],
  capabilities: ['cap_add', 'cap_drop'],
  'limits.cpuMillis': ['deploy.resources.limits.cpus', 'cpus', 'resources.cpus'],
  'limits.memoryBytes': ['deploy.resources.limits.memory', 'mem_limit', 'resources.memory'],
  'limits.pids': ['deploy.resources.limits.pids', 'pids_limit'],
  'reservations.cpuMillis': ['deploy.resources.reservations.cpus', 'resources.cpus'],
  'reservations.memoryBytes': ['deploy.resources.reservations.memory', 'mem_reservation', 'resources.memory'],
  'networking.expose': ['expose'],
  'networking.drainMs': ['x-gantry.drain'],
  'networking.networks': ['networks'],
  networking: ['networks', 'network_mode', 'x-gantry'],
  'health.probe': [
    'healthcheck.test',
    'healthcheck.http',
    'healthcheck.tcp',
    'healthcheck.grpc',
    'x-gantry.healthcheck',
  ],
  'health.intervalMs': ['healthcheck.interval'],
  'health.timeoutMs': ['healthcheck.timeout'],
  'health.retries': ['healthcheck.retries'],
  'health.startPeriodMs': ['healthcheck.start_period'],
  'health.startIntervalMs': ['healthcheck.start_interval'],
  health: ['healthcheck', 'x-gantry.healthcheck'],
  'logging.maxBytes': ['logging.options.max-size'],
  'logging.maxFiles': ['logging.options.max-file'],
  'isolation.profile': ['x-gantry.profile', 'privileged'],
  'isolation.groups': ['group_add'],
  'isolation.sysctls': ['sysctls'],
  'isolation.devices': ['devices'],
  'isolation.userns': ['userns_mode'],
  'isolation.oomScoreAdj': ['oom_score_adj'],
  isolation: ['security_opt', 'x-gantry.profile', 'privileged'],
  'tuning.cpuShares': ['cpu_shares'],
  'tuning.cpuset': ['cpuset'],
  'tuning.memorySwapBytes': ['memswap_limit'],
  'tuning.swappiness': ['mem_swappiness'],
  'tuning.oomKillDisable': ['oom_kill_disable'],
  'tuning.shmBytes': ['shm_size'],
  'tuning.ulimits': ['ulimits'],
  'tuning.blkio': ['blkio_config'],
  'tuning.bandwidth': ['x-gantry.bandwidth'],
  'naming.domainname': ['domainname'],
  'naming.extraHosts': ['extra_hosts'],
  'naming.dns': ['dns'],
  'naming.dnsSearch': ['dns_search'],
  'naming.dnsOptions': ['dns_opt'],
  constraints: ['deploy.placement.constraints'],
  'placement.spread': ['deploy.placement.preferences'],
  'placement.maxPerNode': ['deploy.placement.max_replicas_per_node'],
  'placement.devices': [
    'deploy.resources.reservations.devices',
    'deploy.resources.reservations.generic_resources',
  ],
  placement: ['x-gantry.placement', 'deploy.placement'],
  dependsOn: ['depends_on', 'x-gantry.job.needs', 'job.needs'],
  update: ['x-gantry.update', 'update', 'deploy.update_config'],
  rollback: ['x-gantry.rollback', 'rollback', 'deploy.rollback_config'],
  job: ['x-gantry.job', 'job', 'deploy.mode'],
  restart: ['deploy.restart_policy', 'restart'],
};

/** The node that a field of the service's spec (`container.image`, `ports.2.published`) was read from. */
export function locateField(
  doc: ComposeDocument,
  service: Entry,
  read: Pick<ReadService, 'portNodes' | 'mountNodes' | 'contentNodes'>,
  path: string,
): Node | undefined {
  const parts = path.split('.').filter((part, index) => index > 0 || part !== 'container');
  const index = Number(parts[1]);
  if (parts[0] === 'ports') return read.portNodes[index] ?? doc.entry(service.value, 'ports')?.keyNode;
  if (parts[0] === 'volumes') return read.mountNodes[index] ?? doc.entry(service.value, 'volumes')?.keyNode;
  if (parts[0] === 'contents') return read.contentNodes[index] ?? service.keyNode;
  for (let length = parts.length; length > 0; length--) {
    const field = parts.slice(0, length).join('.');
    for (const place of places[field] ?? [field]) {
      const found = nodeAt(doc, service.value, place.split('.'), parts.slice(length));
      if (found) return found;
    }
  }
  return service.keyNode;
}

/** What stands at a path, and as far beyond it as `more` leads: the value if it is a single one, else its key. */
function nodeAt(
  doc: ComposeDocument,
  from: Node | undefined,
  path: readonly string[],
  more: readonly string[],
): Node | undefined {
  let at = from;
  let shown: Node | undefined;
  for (const [index, part] of [...path, ...more].entries()) {
    const item = doc.isList(at) ? doc.items(at, '')[Number(part)] : undefined;
    const entry = item ? undefined : doc.entry(at, part);
    if (!item && !entry) return index < path.length ? undefined : shown;
    at = item ?? entry?.value;
    shown = item ?? (doc.isMap(at) || doc.isList(at) ? entry?.keyNode : (at ?? entry?.keyNode));
  }
  return shown;
}
