import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultPools, parseCidr, toAddress, type Pools } from '@gantry/model/addresses';
import { GantryError } from '@gantry/kit/errors';
import type { EncryptionMode } from '@gantry/model/node';
import { defaultSettings } from './reconcilers/reconciler.ts';

export interface ControllerConfig {
  /** `HOST:PORT` to listen on. */
  readonly listen: readonly string[];
  /** `HOST:PORT` at which other controllers reach this one. */
  readonly advertise: string;
  readonly etcd: string;
  readonly prefix: string;
  /** Where this controller finds NATS; absent: no telemetry. */
  readonly nats?: string;
  /** What agents are told; empty: no telemetry. */
  readonly agentNats: string;
  readonly stateDir: string;
  /** Keys that secrets are sealed with; made when there is none yet and the cluster has no secret. */
  readonly secretKeyFile: string;
  readonly insecureRegistries: readonly string[];
  /** Silence after which a host is down, ms. */
  readonly silenceMs: number;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
  readonly pools: Pools;
  /** Set for the whole cluster when this controller begins to lead; absent: what was set before. */
  readonly encryption?: EncryptionMode;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const modes = ['none', 'wireguard'] as const;
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** The controller's configuration from its flags; throws `invalid` with everything that is wrong at once. */
export function readConfig(argv: readonly string[]): ControllerConfig {
  const values = parse(argv);
  const problems: string[] = [];
  const listen = values.listen ?? ['127.0.0.1:7443'];
  for (const address of listen) {
    if (!/^[^:\s]+:\d{1,5}$/.test(address)) problems.push(`--listen ${address}: write HOST:PORT`);
  }
  const advertise = values.advertise ?? reachable(listen[0] ?? '');
  if (!/^[^:\s]+:\d{1,5}$/.test(advertise)) problems.push(`--advertise ${advertise}: write HOST:PORT`);
  const etcd = values.etcd ?? 'http://127.0.0.1:7379';
  if (!/^https?:\/\/[^/\s]+$/.test(etcd)) problems.push(`--etcd ${etcd}: write http://HOST:PORT`);
  const silenceMs = seconds(values.silence ?? '5s');
  if (silenceMs === undefined)
    problems.push(`--silence ${String(values.silence)}: write a duration of 1 s or more, e.g. 5s`);
  const fenceMs =
    values.fence === undefined
      ? Math.max(defaultSettings.fenceMs, 2 * (silenceMs ?? 0))
      : seconds(values.fence);
  if (fenceMs === undefined || fenceMs < 2 * (silenceMs ?? 0))
    problems.push(`--fence ${String(values.fence)}: write a duration of twice --silence or more, e.g. 30s`);
  const pools = {
    containerPool: values['container-pool'] ?? defaultPools.containerPool,
    vipPool: values['vip-pool'] ?? defaultPools.vipPool,
  };
  problems.push(...poolProblems(pools));
  const logLevel = levels.find((level) => level === (values['log-level'] ?? 'info'));
  if (!logLevel) problems.push(`--log-level ${String(values['log-level'])}: one of ${levels.join(', ')}`);
  const encryption = modes.find((mode) => mode === values.encryption);
  if (values.encryption !== undefined && !encryption)
    problems.push(`--encryption ${values.encryption}: one of ${modes.join(', ')}`);
  if (problems.length > 0) throw new GantryError('invalid', problems.join('\n'));
  const stateDir = values['state-dir'] ?? '/var/lib/gantry/controller';
  return {
    listen,
    advertise,
    etcd,
    prefix: (values.prefix ?? '/gantry/v1').replace(/\/+$/, ''),
    ...(values.nats !== undefined && { nats: values.nats }),
    agentNats: values['agent-nats'] ?? values.nats ?? '',
    stateDir,
    secretKeyFile: values['secret-key-file'] ?? join(stateDir, 'secret.key'),
    insecureRegistries: values['insecure-registry'] ?? [],
    silenceMs: silenceMs ?? 5_000,
    fenceMs: fenceMs ?? defaultSettings.fenceMs,
    pools,
    ...(encryption && { encryption }),
    logLevel: logLevel ?? 'info',
  };
}

/** What is wrong with the pools as given, flag by flag. */
function poolProblems({ containerPool, vipPool }: Pools): readonly string[] {
  const flags = [
    // Two `/24`s at least, the first of which is no host's; hosts are numbered within a `/8`.
    { flag: '--container-pool', pool: containerPool, bits: [8, 23] },
    { flag: '--vip-pool', pool: vipPool, bits: [8, 30] },
  ] as const;
  const problems = flags.flatMap(({ flag, pool, bits: [least, most] }) => {
    const [, address = '', bits = ''] = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(pool) ?? [];
    const isRange =
      Number(bits) >= least && Number(bits) <= most && toAddress(parseCidr(pool).first) === address;
    return isRange
      ? []
      : [`${flag} ${pool}: write the first address of a range and its length, /${least} to /${most}`];
  });
  if (problems.length > 0) return problems;
  const [containers, vips] = [parseCidr(containerPool), parseCidr(vipPool)];
  const apart =
    containers.first + containers.size <= vips.first || vips.first + vips.size <= containers.first;
  return apart
    ? []
    : [`--vip-pool ${vipPool} and --container-pool ${containerPool} share addresses: take two apart`];
}

/** The address itself, or this host's name for one that means all of its addresses. */
function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, `${hostname()}:`);
}

/** `5s`, `1500ms` or `1m` in ms; undefined below one second or for anything else. */
function seconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  const unit = { ms: 1, s: 1_000, m: 60_000 }[match?.[2] ?? 's'] ?? 1_000;
  const value = Number(match?.[1]) * unit;
  return value >= 1_000 ? value : undefined;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        listen: { type: 'string', multiple: true },
        advertise: { type: 'string' },
        etcd: { type: 'string' },
        prefix: { type: 'string' },
        nats: { type: 'string' },
        'agent-nats': { type: 'string' },
        'state-dir': { type: 'string' },
        'secret-key-file': { type: 'string' },
        'insecure-registry': { type: 'string', multiple: true },
        silence: { type: 'string' },
        fence: { type: 'string' },
        'container-pool': { type: 'string' },
        'vip-pool': { type: 'string' },
        encryption: { type: 'string' },
        'log-level': { type: 'string' },
      },
    }).values;
  } catch (cause) {
    throw new GantryError('invalid', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
