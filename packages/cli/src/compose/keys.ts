/** What becomes of a key of the Compose Spec. There is no fourth list: nothing is silently ignored. */
export type KeyPolicy =
  | { readonly kind: 'honoured' }
  /** Honoured in another way, which is said. */
  | { readonly kind: 'noticed'; readonly notice: string }
  /** Refused, with what to use instead; `yet`: it is planned. */
  | { readonly kind: 'refused'; readonly instead: string; readonly yet?: true };

const honoured: KeyPolicy = { kind: 'honoured' };
const noticed = (notice: string): KeyPolicy => ({ kind: 'noticed', notice });
const refused = (instead: string): KeyPolicy => ({ kind: 'refused', instead });

const planned = (instead: string): KeyPolicy => ({ kind: 'refused', instead, yet: true });

const later = planned('leave it out for now');
const oneInterface = noticed('a container has one interface for all its networks; the key is not used');
const noDriver = refused('leave it out; secrets are kept by the controller');
const limit = refused('use deploy.resources.limits.cpus');
const windows = refused('leave it out; it is for Windows');

/** All service keys of the Compose Spec, in its order of the alphabet. */
const service: readonly (readonly [key: string, policy: KeyPolicy])[] = [
  ['annotations', noticed('they become labels of the container')],
  ['attach', refused('leave it out; it is for `docker compose up`')],
  ['blkio_config', honoured],
  ['build', refused('build and push the image first, then name it with image:')],
  ['cap_add', honoured],
  ['cap_drop', honoured],
  ['cgroup', honoured],
  ['cgroup_parent', refused('leave it out; the host names the cgroups')],
  ['command', honoured],
  ['configs', honoured],
  ['container_name', noticed('containers are named by their service and slot; the name becomes one of the service')],
  ['cpu_count', limit],
  ['cpu_percent', limit],
  ['cpu_period', limit],
  ['cpu_quota', limit],
  ['cpu_rt_period', limit],
  ['cpu_rt_runtime', limit],
  ['cpu_shares', honoured],
  ['cpus', honoured],
  ['cpuset', honoured],
  ['credential_spec', windows],
  ['depends_on', honoured],
  ['deploy', honoured],
  ['develop', refused('leave it out; it is for `docker compose watch`')],
  ['device_cgroup_rules', later],
  ['devices', honoured],
  ['dns', honoured],
  ['dns_opt', honoured],
  ['dns_search', honoured],
  ['domainname', honoured],
  ['entrypoint', honoured],
  ['env_file', honoured],
  ['environment', honoured],
  ['expose', honoured],
  ['extends', later],
  ['external_links', refused('put both stacks on a network that is external: true')],
  ['extra_hosts', honoured],
  ['gpus', later],
  ['group_add', honoured],
  ['healthcheck', honoured],
  ['hostname', honoured],
  ['image', honoured],
  ['init', honoured],
  ['ipc', honoured],
  ['isolation', windows],
  ['label_file', refused('write them as labels')],
  ['labels', honoured],
  ['links', honoured],
  ['logging', honoured],
  ['mac_address', later],
  ['mem_limit', honoured],
  ['mem_reservation', honoured],
  ['mem_swappiness', honoured],
  ['memswap_limit', honoured],
  ['models', later],
  ['network_mode', honoured],
  ['networks', honoured],
  ['oom_kill_disable', honoured],
  ['oom_score_adj', honoured],
  ['pid', refused('leave it out; every container has its own process ids')],
  ['pids_limit', honoured],
  ['platform', refused('leave it out; the image for the architecture of the host is chosen')],
  ['ports', honoured],
  ['post_start', later],
  ['pre_start', later],
  ['pre_stop', later],
  ['privileged', honoured],
  ['profiles', later],
  ['provider', later],
  ['pull_policy', honoured],
  ['pull_refresh_after', refused('leave it out; an image is pulled where its bytes are missing')],
  ['read_only', honoured],
  ['restart', honoured],
  ['runtime', refused('leave it out; containers run with runc')],
  ['scale', honoured],
  ['secrets', honoured],
  ['security_opt', honoured],
  ['shm_size', honoured],
  ['stdin_open', honoured],
  ['stop_grace_period', honoured],
  ['stop_signal', honoured],
  ['storage_opt', later],
  ['sysctls', honoured],
  ['tmpfs', honoured],
  ['tty', honoured],
  ['ulimits', honoured],
  ['use_api_socket', refused('leave it out; there is no Docker socket')],
  ['user', honoured],
  ['userns_mode', honoured],
  ['uts', refused('leave it out; every container has its own host name')],
  ['volumes', honoured],
  ['volumes_from', refused('name the volumes in both services; a volume belongs to the node, not to a container')],
  ['working_dir', honoured],
]; // prettier-ignore

const all = (...keys: readonly string[]): readonly (readonly [string, KeyPolicy])[] =>
  keys.map((key) => [key, honoured]);

/** Keys of each kind of map in a Compose file, with what becomes of them. */
const tables = {
  file: new Map<string, KeyPolicy>([
    ...all('name', 'services', 'volumes', 'networks', 'configs', 'secrets'),
    ['version', noticed('it has no meaning any more')],
    ['include', later],
    ['models', later],
  ]),
  service: new Map(service),
  deploy: new Map<string, KeyPolicy>([
    ...all(
      'mode',
      'replicas',
      'resources',
      'restart_policy',
      'update_config',
      'rollback_config',
      'placement',
      'labels',
      'endpoint_mode',
    ),
  ]),
  networks: new Map<string, KeyPolicy>([
    ...all('name', 'external', 'internal', 'driver', 'enable_ipv6'),
    ['attachable', noticed('other stacks join with external: true; the key is not used')],
    ['driver_opts', noticed('the cluster has one driver, and these options are not used')],
    ['enable_ipv4', noticed('containers have IPv4 addresses; the key is not used')],
    ['ipam', noticed('the cluster gives the addresses; the key is not used')],
    ['labels', noticed('they are not kept')],
  ]),
  'service.networks': new Map<string, KeyPolicy>([
    ...all('aliases'),
    ['driver_opts', noticed('the cluster has one driver, and these options are not used')],
    ['gw_priority', oneInterface],
    ['interface_name', noticed('a container has one interface, eth0')],
    ['ipv4_address', refused('leave it out; services reach each other by name')],
    ['ipv6_address', refused('leave it out; services reach each other by name')],
    ['link_local_ips', refused('leave it out; services reach each other by name')],
    ['mac_address', refused('leave it out; the network is routed')],
    ['priority', oneInterface],
  ]),
  'x-gantry': new Map<string, KeyPolicy>([
    ...all('affinity', 'drain', 'healthcheck', 'profile', 'update', 'rollback', 'availability', 'job'),
    ...all('placement', 'bandwidth'),
  ]),
  healthcheck: new Map(
    all('test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval', 'disable'),
  ),
  logging: new Map(all('driver', 'options')),
  'logging.options': new Map<string, KeyPolicy>([
    ...all('max-size', 'max-file'),
    ['compress', noticed('logs are not compressed')],
    ['mode', noticed('logs never block a container')],
    ['max-buffer-size', noticed('logs never block a container')],
    ['tag', noticed('lines are named by service and slot')],
    ['labels', noticed('lines are named by service and slot')],
    ['env', noticed('lines are named by service and slot')],
  ]),
  'x-gantry.bandwidth': new Map(all('egress', 'ingress')),
  'x-gantry.placement': new Map<string, KeyPolicy>([
    ...all('near', 'apart', 'prefer', 'priority', 'preempt'),
  ]),
  'x-gantry.placement.prefer': new Map(all('constraint', 'weight')),
  'deploy.placement': new Map(all('constraints', 'preferences', 'max_replicas_per_node')),
  'deploy.placement.preferences': new Map(all('spread')),
  'deploy.restart_policy': new Map(all('condition', 'delay', 'max_attempts', 'window')),
  'deploy.update_config': new Map(
    all(
      ...['parallelism', 'delay', 'failure_action', 'on_failure', 'monitor', 'max_failure_ratio', 'order'],
      'deadline',
    ),
  ),
  'x-gantry.job': new Map(
    all(
      ...['completions', 'parallelism', 'retries', 'deadline', 'ttl', 'schedule', 'time_zone', 'overlap'],
      ...['missed', 'group', 'needs'],
    ),
  ),
  depends_on: new Map<string, KeyPolicy>([
    ...all('condition', 'required'),
    ['restart', noticed('dependents are not restarted with it; a client connects again')],
  ]),
  'deploy.resources': new Map(all('limits', 'reservations')),
  'deploy.resources.limits': new Map(all('cpus', 'memory', 'pids')),
  'deploy.resources.reservations': new Map(all('cpus', 'memory', 'generic_resources', 'devices')),
  'deploy.resources.devices': new Map<string, KeyPolicy>([
    ...all('capabilities', 'count', 'device_ids'),
    ['driver', noticed('the host says what it has (--resource); the driver is not used')],
    ['options', noticed('they are not used')],
  ]),
  generic_resources: new Map(all('discrete_resource_spec')),
  discrete_resource_spec: new Map(all('kind', 'value')),
  ports: new Map<string, KeyPolicy>([
    ...all('target', 'published', 'protocol', 'mode', 'host_ip'),
    ['name', noticed('ports are known by their numbers; the name is not used')],
    ['app_protocol', noticed('it is not used')],
  ]),
  env_file: new Map<string, KeyPolicy>([...all('path', 'required'), ['format', later]]),
  resources: new Map(all('cpus', 'memory')),
  devices: new Map(all('source', 'target', 'permissions')),
  ulimits: new Map(all('soft', 'hard')),
  blkio_config: new Map(
    all(
      'weight',
      'weight_device',
      ...['read', 'write'].flatMap((way) => [`device_${way}_bps`, `device_${way}_iops`]),
    ),
  ),
  'blkio_config.rate': new Map(all('path', 'rate')),
  'blkio_config.weight': new Map(all('path', 'weight')),
  volume: new Map(all('name', 'external', 'labels', 'driver', 'driver_opts')),
  config: new Map<string, KeyPolicy>([
    ...all('file', 'content', 'environment', 'external', 'name'),
    ['labels', noticed('they are not kept')],
    ['template_driver', refused('leave it out; variables of the file are filled in')],
  ]),
  secret: new Map<string, KeyPolicy>([
    ...all('file', 'environment', 'external', 'name'),
    ['content', refused('put it into a file of its own, or take it from the environment')],
    ['labels', noticed('they are not kept')],
    ['driver', noDriver],
    ['driver_opts', noDriver],
    ['template_driver', noDriver],
  ]),
  'service.content': new Map(all('source', 'target', 'uid', 'gid', 'mode')),
  volumes: new Map<string, KeyPolicy>([
    ...all('type', 'source', 'target', 'read_only', 'bind', 'volume', 'tmpfs'),
    ['consistency', noticed('it is for Docker Desktop; it is not used')],
    ['image', later],
  ]),
  'volumes.bind': new Map<string, KeyPolicy>([
    ...all('create_host_path', 'subpath'),
    ['propagation', refused('leave it out; mounts of the host do not reach into containers')],
    ['recursive', refused('leave it out; what is mounted below stays on the host')],
    ['selinux', noticed('SELinux is not used')],
  ]),
  'volumes.volume': new Map<string, KeyPolicy>([
    ...all('nocopy', 'subpath'),
    ['labels', refused('write them below volumes: at the top of the file')],
  ]),
  'volumes.tmpfs': new Map(all('size', 'mode')),
} as const satisfies Readonly<Record<string, ReadonlyMap<string, KeyPolicy>>>;

/** A kind of map in a Compose file. */
export type Section = keyof typeof tables;

/** What becomes of a key (`x-…` is welcome everywhere); undefined for what is no key at all. */
export function keyPolicy(section: Section, key: string): KeyPolicy | undefined {
  return key.startsWith('x-') ? honoured : tables[section].get(key);
}

/** All keys of a section, for suggestions. */
export function keysOf(section: Section): readonly string[] {
  return [...tables[section].keys()];
}
