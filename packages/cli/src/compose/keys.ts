/** What becomes of a service key of the Compose Spec. There is no fourth list: nothing is silently ignored. */
export type KeyPolicy =
  | { readonly kind: 'honoured' }
  /** Honoured in another way, which is said. */
  | { readonly kind: 'noticed'; readonly notice: string }
  /** Refused, with what to use instead. */
  | { readonly kind: 'refused'; readonly instead: string };

const honoured = [
  'image', 'command', 'entrypoint', 'environment', 'env_file', 'ports', 'expose', 'deploy', 'scale', 'restart',
  'working_dir', 'user', 'hostname', 'labels', 'annotations', 'stop_signal', 'stop_grace_period', 'read_only', 'init',
  'cap_add', 'cap_drop', 'tmpfs', 'mem_limit', 'mem_reservation', 'cpus', 'pids_limit',
]; // prettier-ignore

const noticed: Readonly<Record<string, string>> = {
  container_name: 'containers are named by their service and slot; the name is not used',
};

const later = 'it is not supported yet; leave it out';

/** Keys for later work, and keys that will never fit, each with what to do. */
const refused: Readonly<Record<string, string>> = {
  build: 'build and push the image first, then name it with image:',
  volumes: 'volumes are not supported yet; use tmpfs for scratch space',
  healthcheck: later,
  depends_on: 'services are started together; let a client try again until its server answers',
  networks: 'all services share one network for now',
  secrets: later,
  configs: later,
  network_mode: later,
  privileged: 'no container is privileged; name the capabilities with cap_add',
  devices: later,
  gpus: later,
  dns: later,
  dns_opt: later,
  dns_search: later,
  extra_hosts: later,
  ulimits: later,
  sysctls: later,
  security_opt: later,
  shm_size: later,
  group_add: later,
  tty: later,
  stdin_open: later,
  logging: 'logs are kept by each host; read them with `gantry logs`',
  links: 'reach other services by their address',
  external_links: 'reach other services by their address',
  volumes_from: 'use a named volume once they are supported',
  profiles: later,
  pull_policy: 'an image is pulled when its host does not have its bytes',
  platform: 'the image for the architecture of the host is chosen',
  runtime: 'containers run with runc',
  pid: 'every container has its own process ids',
  ipc: 'every container has its own IPC',
  uts: 'every container has its own host name',
  userns_mode: later,
  cgroup: 'every container has its own cgroup namespace',
  cgroup_parent: 'cgroups are named by the host',
  isolation: 'it is for Windows',
  credential_spec: 'it is for Windows',
  cpu_count: 'use deploy.resources.limits.cpus',
  cpu_percent: 'use deploy.resources.limits.cpus',
  cpu_period: 'use deploy.resources.limits.cpus',
  cpu_quota: 'use deploy.resources.limits.cpus',
  cpu_rt_period: 'use deploy.resources.limits.cpus',
  cpu_rt_runtime: 'use deploy.resources.limits.cpus',
  cpu_shares: 'use deploy.resources.reservations.cpus',
  cpuset: later,
  blkio_config: later,
  memswap_limit: 'a container with a memory limit has no swap',
  mem_swappiness: 'a container with a memory limit has no swap',
  oom_kill_disable: 'a container beyond its memory limit is ended',
  oom_score_adj: later,
  storage_opt: later,
  mac_address: later,
  domainname: 'set hostname',
  device_cgroup_rules: later,
  label_file: 'use labels',
  attach: 'it is for `docker compose up` only',
  develop: 'it is for `docker compose watch` only',
  extends: later,
  models: later,
  provider: later,
  post_start: later,
  pre_stop: later,
  pull_refresh_after: later,
  use_api_socket: 'there is no Docker socket',
};

/** Every service key of the Compose Spec (and `x-…`), with what becomes of it; undefined for what is no key at all. */
export function serviceKeyPolicy(key: string): KeyPolicy | undefined {
  if (honoured.includes(key) || key.startsWith('x-')) return { kind: 'honoured' };
  const notice = noticed[key];
  if (notice !== undefined) return { kind: 'noticed', notice };
  const instead = refused[key];
  return instead === undefined ? undefined : { kind: 'refused', instead };
}

/** All keys, for suggestions. */
export const serviceKeys: readonly string[] = [...honoured, ...Object.keys(noticed), ...Object.keys(refused)];

/** Words people write for something else: other tools' and near misses that spelling does not find. */
const meant: Readonly<Record<string, string>> = {
  replicas: 'deploy.replicas',
  env: 'environment',
  envs: 'environment',
  port: 'ports',
  memory: 'deploy.resources.limits.memory',
  cpu: 'deploy.resources.limits.cpus',
  resources: 'deploy.resources',
  args: 'command',
  cmd: 'command',
  containers: 'services',
  containerPort: 'ports',
  workdir: 'working_dir',
  restart_policy: 'deploy.restart_policy',
  constraints: 'deploy.placement.constraints',
};

/** What an unknown key probably means: a known mistake, or the nearest spelling. */
export function suggestion(key: string, known: readonly string[]): string | undefined {
  if (meant[key] !== undefined) return meant[key];
  const near = known
    .map((word) => ({ word, distance: distance(key, word) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(1, Math.floor(key.length / 3)) ? near.word : undefined;
}

/** Levenshtein's: insertions, deletions and replacements. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
