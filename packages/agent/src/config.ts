import { parseArgs } from 'node:util';
import { GantryError } from '@gantry/kit/errors';
import type { HostPolicy } from './task/policy.ts';

export interface AgentConfig {
  /** `HOST:PORT` of each controller. */
  readonly controllers: readonly string[];
  readonly name: string;
  /** This host's address among the hosts; absent: the source address of the way to the controller. */
  readonly address?: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly cgroupParent: string;
  readonly insecureRegistries: readonly string[];
  /** Countable things of this host that tasks may reserve: `--resource gpu=2`. */
  readonly devices: Readonly<Record<string, number>>;
  /** What this host lets containers have of it. */
  readonly policy: HostPolicy;
  /** For tests: where on its way the agent is to be killed, see `kit/failpoint.ts`. */
  readonly failpoint?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const levels = ['debug', 'info', 'warn', 'error'] as const;

/** The agent's configuration from its flags; throws `invalid` with everything that is wrong at once. */
export function readConfig(argv: readonly string[], hostname: string): AgentConfig {
  const { values } = parse(argv);
  const problems: string[] = [];
  const controllers = values.controller ?? ['127.0.0.1:7443'];
  for (const address of controllers) {
    if (!/^[^:\s]+:\d{1,5}$/.test(address)) problems.push(`--controller ${address}: write HOST:PORT`);
  }
  const name = values.name ?? hostname;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name))
    problems.push(`--name ${name}: letters, digits and dashes`);
  const logLevel = levels.find((level) => level === (values['log-level'] ?? 'info'));
  if (!logLevel) problems.push(`--log-level ${String(values['log-level'])}: one of ${levels.join(', ')}`);
  const cgroupParent = values['cgroup-parent'] ?? 'gantry';
  if (!/^[A-Za-z0-9_-]+$/.test(cgroupParent))
    problems.push(`--cgroup-parent ${cgroupParent}: letters, digits and dashes`);
  const policy = readPolicy(values);
  for (const path of [...policy.allowBind, ...policy.allowDevice]) {
    if (!path.startsWith('/') || path.split('/').includes('..'))
      problems.push(`--allow-bind, --allow-device ${path}: write an absolute path without ..`);
  }
  const devices = new Map<string, number>();
  for (const text of values.resource ?? []) {
    const [, kind = '', count] = /^([a-z][a-z0-9._/-]*)=(\d{1,6})$/i.exec(text) ?? [];
    if (count === undefined) problems.push(`--resource ${text}: write NAME=COUNT, e.g. gpu=2`);
    else devices.set(kind, (devices.get(kind) ?? 0) + Number(count));
  }
  if (problems.length > 0) throw new GantryError('invalid', problems.join('\n'));
  return {
    controllers,
    name: name.toLowerCase(),
    ...(values.address !== undefined && { address: values.address }),
    stateDir: values['state-dir'] ?? '/var/lib/gantry/agent',
    runDir: values['run-dir'] ?? '/run/gantry',
    cgroupParent,
    insecureRegistries: values['insecure-registry'] ?? [],
    devices: Object.fromEntries(devices),
    policy,
    logLevel: logLevel ?? 'info',
    ...(values.failpoint !== undefined && { failpoint: values.failpoint }),
  };
}

function readPolicy(values: ReturnType<typeof parse>['values']): HostPolicy {
  return {
    allowBind: values['allow-bind'] ?? [],
    allowDevice: values['allow-device'] ?? [],
    allowPrivileged: values['allow-privileged'] ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        controller: { type: 'string', multiple: true },
        name: { type: 'string' },
        address: { type: 'string' },
        'state-dir': { type: 'string' },
        'run-dir': { type: 'string' },
        'cgroup-parent': { type: 'string' },
        'insecure-registry': { type: 'string', multiple: true },
        resource: { type: 'string', multiple: true },
        'allow-bind': { type: 'string', multiple: true },
        'allow-device': { type: 'string', multiple: true },
        'allow-privileged': { type: 'boolean' },
        'log-level': { type: 'string' },
        failpoint: { type: 'string' },
      },
    });
  } catch (cause) {
    throw new GantryError('invalid', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
