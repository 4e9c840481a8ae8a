import type { Node } from 'yaml';
import {
  defaultRestart,
  defaultStopGraceMs,
  type ContainerSpec,
  type Resources,
  type RestartPolicy,
  type ServiceSpec,
} from '@gantry/model/service';
import type { ComposeDocument } from './document.ts';
import { parseEnvFile, type Variables } from './interpolate.ts';
import { serviceKeyPolicy, serviceKeys, suggestion } from './keys.ts';
import { readPorts } from './ports.ts';
import { command, cores, duration, pairs, size, texts, textOrTexts, whole, word } from './values.ts';

/** What a service is read with. */
export interface ServiceInput {
  readonly stack: string;
  readonly name: string;
  readonly variables: Variables;
  /** Contents of the files that `env_file` may name, by the name as written; undefined for one that is not there. */
  readonly readFile: (name: string) => string | undefined;
  /** True for `gantry.yaml`: sugar without `deploy:` is allowed. */
  readonly sugar: boolean;
}

const sugarKeys = ['replicas', 'resources'];

/** One entry of `services:` as a spec; what is wrong is left in the document. */
export function readService(doc: ComposeDocument, node: Node | undefined, input: ServiceInput): ServiceSpec {
  checkKeys(doc, node, input);
  const get = (key: string): Node | undefined => doc.get(node, key);
  const deploy = get('deploy');
  checkDeploy(doc, deploy);
  return {
    stack: input.stack,
    name: input.name,
    mode: readMode(doc, deploy, get('scale') ?? (input.sugar ? get('replicas') : undefined)),
    container: readContainer(doc, node, input),
    ports: readPorts(doc, get('ports')),
    restart: readRestart(doc, deploy, get('restart')),
    constraints: texts(doc, doc.get(doc.get(deploy, 'placement'), 'constraints'), 'constraints'),
    labels: record(pairs(doc, doc.get(deploy, 'labels'), 'labels')),
  };
}

function checkKeys(doc: ComposeDocument, node: Node | undefined, { name, sugar }: ServiceInput): void {
  for (const { key, keyNode } of doc.entries(node, `service ${name}`)) {
    if (sugar && sugarKeys.includes(key)) continue;
    const policy = serviceKeyPolicy(key);
    if (policy?.kind === 'refused') doc.problem(keyNode, `${key} is not supported: ${policy.instead}`);
    else if (policy?.kind === 'noticed') doc.notice(keyNode, `${key}: ${policy.notice}`);
    else if (!policy) {
      const meant = suggestion(key, serviceKeys);
      doc.problem(
        keyNode,
        `unknown key "${key}"`,
        meant === undefined ? undefined : `did you mean "${meant}"?`,
      );
    }
  }
}

const deployKeys = ['mode', 'replicas', 'resources', 'restart_policy', 'placement', 'labels', 'update_config', 'rollback_config', 'endpoint_mode']; // prettier-ignore

function checkDeploy(doc: ComposeDocument, deploy: Node | undefined): void {
  for (const { key, keyNode } of doc.entries(deploy, 'deploy')) {
    if (['update_config', 'rollback_config', 'endpoint_mode'].includes(key)) {
      doc.problem(keyNode, `deploy.${key} is not supported yet; leave it out`);
    } else if (!deployKeys.includes(key)) {
      const meant = suggestion(key, deployKeys);
      doc.problem(
        keyNode,
        `unknown key "deploy.${key}"`,
        meant === undefined ? undefined : `did you mean "${meant}"?`,
      );
    }
  }
  for (const { key, keyNode } of doc.entries(doc.get(deploy, 'placement'), 'deploy.placement')) {
    if (key !== 'constraints')
      doc.problem(keyNode, `deploy.placement.${key} is not supported yet; leave it out`);
  }
}

function readMode(
  doc: ComposeDocument,
  deploy: Node | undefined,
  scale: Node | undefined,
): ServiceSpec['mode'] {
  const mode = word(doc, doc.get(deploy, 'mode'), 'deploy.mode', ['replicated', 'global'] as const);
  const node = doc.get(deploy, 'replicas') ?? scale;
  const replicas = whole(doc, node, 'replicas');
  if (mode === 'global') {
    if (node) doc.problem(node, 'a global service has one task on every host, and no replicas');
    return { kind: 'global' };
  }
  return { kind: 'replicated', replicas: replicas ?? 1 };
}

function readContainer(doc: ComposeDocument, node: Node | undefined, input: ServiceInput): ContainerSpec {
  const get = (key: string): Node | undefined => doc.get(node, key);
  const image = doc.text(get('image'), 'image');
  if (image === undefined) doc.problem(node, `service ${input.name} needs an image`, 'add image: NAME:TAG');
  const [entrypoint, argv] = [
    command(doc, get('entrypoint'), 'entrypoint'),
    command(doc, get('command'), 'command'),
  ];
  const optional = {
    entrypoint,
    command: argv,
    workingDir: doc.text(get('working_dir'), 'working_dir'),
    user: doc.text(get('user'), 'user'),
    hostname: doc.text(get('hostname'), 'hostname'),
    stopSignal: doc.text(get('stop_signal'), 'stop_signal'),
  };
  return {
    ...defined(optional),
    image: image ?? '',
    env: readEnvironment(doc, node, input),
    readOnly: doc.boolean(get('read_only'), 'read_only') ?? false,
    init: doc.boolean(get('init'), 'init') ?? false,
    capAdd: texts(doc, get('cap_add'), 'cap_add'),
    capDrop: texts(doc, get('cap_drop'), 'cap_drop'),
    tmpfs: textOrTexts(doc, get('tmpfs'), 'tmpfs').map((entry) => entry.replace(/:.*$/, '')),
    stopGraceMs: duration(doc, get('stop_grace_period'), 'stop_grace_period') ?? defaultStopGraceMs,
    labels: record([
      ...pairs(doc, get('labels'), 'labels'),
      ...pairs(doc, get('annotations'), 'annotations'),
    ]),
    ...readResources(doc, node, input.sugar),
  };
}

/** Files first, then `environment:`; a name without a value is taken from the caller's environment, if it is there. */
function readEnvironment(
  doc: ComposeDocument,
  node: Node | undefined,
  input: ServiceInput,
): Record<string, string> {
  const env: Record<string, string> = {};
  const filesNode = doc.get(node, 'env_file');
  for (const name of textOrTexts(doc, filesNode, 'env_file')) {
    const text = input.readFile(name);
    if (text === undefined) doc.problem(filesNode, `env_file ${name} cannot be read`);
    else Object.assign(env, parseEnvFile(text));
  }
  for (const [name, value] of pairs(doc, doc.get(node, 'environment'), 'environment')) {
    const found = value ?? input.variables[name];
    if (found !== undefined) env[name] = found;
  }
  return env;
}

function readResources(
  doc: ComposeDocument,
  node: Node | undefined,
  sugar: boolean,
): { readonly limits: Resources; readonly reservations: Resources } {
  const get = (key: string): Node | undefined => doc.get(node, key);
  const resources = doc.get(get('deploy'), 'resources');
  const [limits, reservations] = [doc.get(resources, 'limits'), doc.get(resources, 'reservations')];
  for (const side of [limits, reservations]) {
    for (const { key, keyNode } of doc.entries(side, 'resources')) {
      if (!['cpus', 'memory', 'pids'].includes(key))
        doc.problem(keyNode, `${key} is not supported: use cpus, memory, pids`);
    }
  }
  const short = sugar ? sugarResources(doc, get('resources')) : { limits: {}, reservations: {} };
  return {
    limits: defined({
      ...short.limits,
      cpuMillis: cores(doc, doc.get(limits, 'cpus') ?? get('cpus'), 'cpus') ?? short.limits.cpuMillis,
      memoryBytes:
        size(doc, doc.get(limits, 'memory') ?? get('mem_limit'), 'memory') ?? short.limits.memoryBytes,
      pids: whole(doc, doc.get(limits, 'pids') ?? get('pids_limit'), 'pids'),
    }),
    reservations: defined({
      cpuMillis: cores(doc, doc.get(reservations, 'cpus'), 'cpus') ?? short.reservations.cpuMillis,
      memoryBytes:
        size(doc, doc.get(reservations, 'memory') ?? get('mem_reservation'), 'memory') ??
        short.reservations.memoryBytes,
    }),
  };
}

/** `resources: {cpus: 0.1..0.5, memory: 128M..256M}`: what is reserved, and the limit. */
function sugarResources(
  doc: ComposeDocument,
  node: Node | undefined,
): { limits: Resources; reservations: Resources } {
  const side = (key: string): { low?: string; high?: string; at: Node | undefined } => {
    const at = doc.get(node, key);
    const [low, high] = (doc.text(at, key) ?? '').split('..');
    return { at, ...(low !== undefined && low !== '' && { low }), ...(high !== undefined && { high }) };
  };
  const [cpu, memory] = [side('cpus'), side('memory')];
  const number = (
    value: string | undefined,
    at: Node | undefined,
    parse: (text: string) => number | undefined,
  ): number | undefined => {
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined)
      doc.problem(at, `"${value}" is not understood`, 'write e.g. cpus: 0.1..0.5, memory: 128M..256M');
    return parsed;
  };
  return {
    limits: defined({
      cpuMillis: number(cpu.high, cpu.at, (text) => Math.round(Number(text) * 1_000) || undefined),
      memoryBytes: number(memory.high, memory.at, sizeOf),
    }),
    reservations: defined({
      cpuMillis: number(cpu.low, cpu.at, (text) => Math.round(Number(text) * 1_000) || undefined),
      memoryBytes: number(memory.low, memory.at, sizeOf),
    }),
  };
}

function sizeOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text);
  if (!match) return undefined;
  return Math.round(
    Number(match[1]) * 1_024 ** ['', 'K', 'M', 'G', 'T'].indexOf((match[2] ?? '').toUpperCase()),
  );
}

const restartWords = ['no', 'always', 'on-failure', 'unless-stopped'] as const;

function readRestart(
  doc: ComposeDocument,
  deploy: Node | undefined,
  restart: Node | undefined,
): RestartPolicy {
  const policy = doc.get(deploy, 'restart_policy');
  if (policy === undefined) return shortRestart(doc, restart);
  const condition = word(doc, doc.get(policy, 'condition'), 'condition', [
    'none',
    'on-failure',
    'any',
  ] as const);
  const maxAttempts = whole(doc, doc.get(policy, 'max_attempts'), 'max_attempts');
  const delayMs = duration(doc, doc.get(policy, 'delay'), 'delay');
  return {
    ...defaultRestart,
    ...defined({
      condition,
      delayMs,
      maxAttempts,
      windowMs: duration(doc, doc.get(policy, 'window'), 'window'),
    }),
    maxDelayMs: Math.max(defaultRestart.maxDelayMs, delayMs ?? 0),
  };
}

/** `restart: always`, `on-failure:3`, `"no"` … */
function shortRestart(doc: ComposeDocument, node: Node | undefined): RestartPolicy {
  const text = doc.text(node, 'restart');
  if (text === undefined) return defaultRestart;
  const [name = '', attempts] = text.split(':');
  const known = restartWords.find((one) => one === name);
  if (known === undefined || (attempts !== undefined && !/^\d+$/.test(attempts))) {
    doc.problem(
      node,
      `restart "${text}" is not known`,
      `use ${restartWords.map((one) => `"${one}"`).join(', ')}`,
    );
    return defaultRestart;
  }
  if (known === 'no') return { ...defaultRestart, condition: 'none' };
  if (known !== 'on-failure') return defaultRestart;
  return {
    ...defaultRestart,
    condition: 'on-failure',
    ...(attempts !== undefined && { maxAttempts: Number(attempts) }),
  };
}

function record(entries: readonly (readonly [string, string | undefined])[]): Record<string, string> {
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
