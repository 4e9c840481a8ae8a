import type { Node } from 'yaml';
import { defaultStopGraceMs, type ContainerSpec, type ServiceSpec } from '@gantry/model/service';
import type { VolumeMount } from '@gantry/model/volume';
import type { ContentMount } from '@gantry/model/content';
import { checkKeys } from './check-keys.ts';
import { readContentMounts } from './content-mounts.ts';
import type { DeclaredContents } from './contents.ts';
import { readDependsOn } from './depends-on.ts';
import type { ComposeDocument, Entry } from './document.ts';
import { readEnvironment, type Surroundings } from './environment.ts';
import { jobMap, readJob } from './job.ts';
import { readIsolation } from './isolation.ts';
import { readNaming } from './naming.ts';
import { readNetworking } from './networking.ts';
import type { DeclaredNetworks } from './networks.ts';
import { readHealth } from './health.ts';
import { readLogging } from './logging.ts';
import { readPlacement } from './placement.ts';
import { readPullPolicy } from './pull-policy.ts';
import { readPorts } from './ports.ts';
import { readResources } from './resources.ts';
import { readRestart } from './restart.ts';
import { readTuning } from './tuning.ts';
import { defined, record, some } from './units.ts';
import { readUpdates } from './update.ts';
import { command, duration, pairs, texts, whole, word } from './values.ts';
import { readMounts, readTmpfs, type DeclaredVolumes } from './volumes.ts';

/** What a service is read with. */
export interface ServiceInput extends Surroundings {
  readonly stack: string;
  /** True for `gantry.yaml`: sugar without `deploy:` is allowed. */
  readonly sugar: boolean;
  readonly networks: DeclaredNetworks;
  readonly volumes: DeclaredVolumes;
  readonly contents: DeclaredContents;
}

/** A service as it was read, with where its ports and mounts stand (a range is many ports of one place). */
export interface ReadService {
  readonly spec: ServiceSpec;
  readonly portNodes: readonly Node[];
  readonly mountNodes: readonly (Node | undefined)[];
  readonly contentNodes: readonly Node[];
}

const sugarKeys = ['replicas', 'resources', 'update', 'rollback', 'availability', 'job'];

/** One entry of `services:` as a spec; what is wrong is left in the document. */
export function readService(doc: ComposeDocument, entry: Entry, input: ServiceInput): ReadService {
  const node = entry.value;
  checkKeys(doc, node, 'service', `service ${entry.key}`, input.sugar ? sugarKeys : []);
  const deploy = doc.get(node, 'deploy');
  checkKeys(doc, deploy, 'deploy', 'deploy');
  checkKeys(doc, doc.get(deploy, 'placement'), 'deploy.placement', 'deploy.placement');
  const ports = readPorts(doc, doc.get(node, 'ports'));
  const restart = readRestart(doc, node);
  const job = readJob(doc, node, input.sugar, restart);
  const dependsOn = readDependsOn(doc, node, jobMap(doc, node, input.sugar));
  const mounts = readMounts(doc, node, input.volumes);
  const contents = readContentMounts(doc, node, input.contents);
  const placement = readPlacement(doc, node, input.stack);
  const spec = {
    stack: input.stack,
    name: entry.key,
    mode: readMode(doc, node, input.sugar),
    container: readContainer(
      doc,
      entry,
      input,
      mounts.map(({ mount }) => mount),
      contents.map(({ mount }) => mount),
    ),
    ports: ports.map(({ port }) => port),
    networking: readNetworking(doc, entry, input.stack, input.networks),
    restart,
    constraints: texts(doc, doc.get(deploy, 'placement', 'constraints'), 'constraints'),
    ...(placement && { placement }),
    labels: record(pairs(doc, doc.get(deploy, 'labels'), 'labels')),
    ...readUpdates(doc, node, input.sugar),
    ...(job && { job }),
    ...(dependsOn && { dependsOn }),
  };
  return {
    spec,
    portNodes: ports.map((port) => port.node),
    mountNodes: mounts.map((mount) => mount.node),
    contentNodes: contents.map((mount) => mount.node),
  };
}

function readMode(doc: ComposeDocument, node: Node | undefined, sugar: boolean): ServiceSpec['mode'] {
  const modes = ['replicated', 'global', 'replicated-job', 'global-job'] as const;
  const mode = word(doc, doc.get(node, 'deploy', 'mode'), 'deploy.mode', modes) ?? 'replicated';
  const short = doc.get(node, 'scale') ?? (sugar ? doc.get(node, 'replicas') : undefined);
  const completions = doc.get(jobMap(doc, node, sugar), 'completions');
  const count = completions ?? doc.get(node, 'deploy', 'replicas') ?? short;
  if (!mode.startsWith('global')) return { kind: 'replicated', replicas: whole(doc, count, 'replicas') ?? 1 };
  if (count) doc.problem(count, 'a global service has one task on every host, and no replicas');
  return { kind: 'global' };
}

function readContainer(
  doc: ComposeDocument,
  entry: Entry,
  input: ServiceInput,
  mounts: readonly VolumeMount[],
  contents: readonly ContentMount[],
): ContainerSpec {
  const node = entry.value;
  const get = (key: string): Node | undefined => doc.get(node, key);
  const text = (key: string): string | undefined => doc.text(get(key), key);
  const image = text('image');
  if (!get('image') && !get('build'))
    doc.problem(entry.keyNode, `service ${entry.key} needs an image`, 'add image: NAME:TAG');
  else if (get('image') && (image === undefined || image === ''))
    doc.problem(get('image'), 'the image is empty', 'write image: NAME:TAG');
  return {
    ...defined({
      entrypoint: command(doc, get('entrypoint'), 'entrypoint'),
      command: command(doc, get('command'), 'command'),
      workingDir: text('working_dir'),
      user: text('user'),
      hostname: text('hostname'),
      stopSignal: text('stop_signal'),
      health: readHealth(doc, node, input.sugar),
      logging: readLogging(doc, node),
      tty: doc.boolean(get('tty'), 'tty') || undefined,
      stdinOpen: doc.boolean(get('stdin_open'), 'stdin_open') || undefined,
      isolation: readIsolation(doc, node),
      tuning: readTuning(doc, node),
      naming: readNaming(doc, node),
      volumes: some(mounts),
      contents: some(contents),
      init: doc.boolean(get('init'), 'init'),
      pullPolicy: readPullPolicy(doc, get('pull_policy')),
    }),
    image: image ?? '',
    env: readEnvironment(doc, node, input),
    readOnly: doc.boolean(get('read_only'), 'read_only') ?? false,
    capAdd: texts(doc, get('cap_add'), 'cap_add'),
    capDrop: texts(doc, get('cap_drop'), 'cap_drop'),
    tmpfs: readTmpfs(doc, get('tmpfs')),
    stopGraceMs: duration(doc, get('stop_grace_period'), 'stop_grace_period') ?? defaultStopGraceMs,
    labels: record([
      ...pairs(doc, get('annotations'), 'annotations'),
      ...pairs(doc, get('labels'), 'labels'),
    ]),
    ...readResources(doc, node, input.sugar),
  };
}
