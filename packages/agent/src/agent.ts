import { randomBytes } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { systemClock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import { exec as ownExec } from '@gantry/kit/exec';
import { converse } from '@gantry/kit/converse';
import { follow } from '@gantry/kit/follow';
import { killAt, noFailpoint } from '@gantry/kit/failpoint';
import { Launcher } from '@gantry/kit/launcher';
import type { Logger } from '@gantry/kit/log';
import { protectFromOom } from '@gantry/kit/oom';
import { readBootId } from '@gantry/kit/process';
import { idFromBytes } from '@gantry/model/ids';
import type { NodeDescription } from '@gantry/model/node';
import { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import type { AgentConfig } from './config.ts';
import { NodeContents } from './contents/node-contents.ts';
import { startNames } from './dns/start-names.ts';
import { withNames } from './dns/with-names.ts';
import { ProcessFence } from './fence/process-fence.ts';
import { Collector } from './images/collector.ts';
import { createImages } from './images/node-images.ts';
import { lookUpUser } from './images/user.ts';
import { BlobSource } from './link/blobs.ts';
import { ContentSource } from './link/contents.ts';
import { createLogs } from './logs/node-logs.ts';
import { createKernelNetwork } from './network/kernel/kernel-network.ts';
import { ownSettings } from './network/kernel/settings.ts';
import { gateway } from './network/plan/address-plan.ts';
import { startNode } from './node.ts';
import { findCgroups } from './runtime/runc/cgroups.ts';
import { guardedPaths } from './runtime/runc/guarded.ts';
import { readHostFacts } from './runtime/runc/host-facts.ts';
import { createRuncRuntime } from './runtime/runc/runc-runtime.ts';
import { Publisher } from './stats/publisher.ts';
import { Sampler } from './stats/sampler.ts';
import { containerFiles } from './task/container-files.ts';
import { connectionsTo } from './task/drain.ts';
import { createVolumes } from './volumes/node-volumes.ts';
import { probe } from './task/probes/probe.ts';
import { DiskWatch } from './worker/disk-watch.ts';
import { Disk } from './worker/disk.ts';

export const agentVersion = '0.1.0';

/** Makes and starts every part of an agent; the only file that knows them all. */
export async function startAgent(config: AgentConfig, log: Logger): Promise<{ close(): Promise<void> }> {
  await Promise.all(
    [config.stateDir, config.runDir].map((dir) => mkdir(dir, { recursive: true, mode: 0o711 })),
  );
  if (!(await protectFromOom()))
    log.warn(
      'this host does not let the agent be protected from the OOM killer: CAP_SYS_RESOURCE is missing',
    );
  const disk = new Disk(config.stateDir, log, systemClock);
  await disk.open();
  const nodeId = await disk.nodeId(() => idFromBytes(randomBytes(12)));
  const description = await describe(config);

  const launcher = new Launcher(join(config.runDir, 'exec'));
  const { exec } = launcher;
  // The probe of a disk may hang, and must keep no other command waiting.
  const probing = new Launcher(join(config.runDir, 'exec-disk'));
  const base = { exec, clock: systemClock, log };
  const blobs = new BlobSource();
  const contentSource = new ContentSource(systemClock);
  const logs = await createLogs({ dir: join(config.stateDir, 'logs'), clock: systemClock, log });
  const failpoint = config.failpoint === undefined ? noFailpoint : killAt(config.failpoint);
  const runtime = await createRuncRuntime({
    ...base,
    failpoint,
    runDir: config.runDir,
    cgroupParent: config.cgroupParent,
    logPath: (id) => logs.path(id),
    logStart: (id) => logs.start(id),
    host: await readHostFacts(config.cgroupParent),
    runc: await findRunc(),
  });
  const images = await createImages({
    stateDir: config.stateDir,
    exec,
    log,
    fetchBlob: blobs.fetch,
    credential: blobs.credential,
    clock: systemClock,
    insecureRegistries: config.insecureRegistries,
    arch: description.arch,
  });
  const network = await createKernelNetwork({
    ...base,
    settings: ownSettings,
    follow,
    converse,
    stateDir: config.stateDir,
    runDir: config.runDir,
    guarded: config.controllers.map(hostOf).filter((host) => isIP(host) === 4),
  });
  const names = startNames({ ...base, address: gateway });
  const volumes = await createVolumes({
    ...base,
    stateDir: config.stateDir,
    allowBind: config.policy.allowBind,
  });
  const sampler = new Sampler({
    nodeId,
    node: config.name,
    cores: cpus().length,
    runtime,
    running: () => node.running(),
    clock: systemClock,
  });
  const publisher = new Publisher({ sample: () => sampler.sample(), clock: systemClock, log });
  const diskWatch = new DiskWatch({
    dir: config.stateDir,
    exec: probing.exec,
    clock: systemClock,
    log,
    onRecovered: () => disk.saveUnsaved(),
  });
  diskWatch.start();
  const node = await startNode({
    pressure: () => diskWatch.pressure,
    diskHangs: () => diskWatch.hangs || disk.hung,
    ...base,
    bootId: description.bootId,
    failpoint,
    probe: (target, check, signal) => probe({ runtime, clock: systemClock }, target, check, signal),
    runtime,
    images,
    network: await withNames(network, names.directory),
    logs,
    disk,
    lookUpUser,
    connections: connectionsTo,
    files: containerFiles(join(config.runDir, 'files'), gateway),
    volumes,
    contents: new NodeContents({ exec, fetch: contentSource.fetch, dir: join(config.runDir, 'contents') }),
    fence: new ProcessFence({
      ...base,
      dir: join(config.runDir, 'guards'),
      paths: guardedPaths(config.runDir, config.cgroupParent, await findCgroups()),
    }),
    policy: config.policy,
    random: Math.random,
    clients: config.controllers.map(connect),
    nodeId,
    name: config.name,
    description,
    onSession: (session, client) => {
      blobs.use(session.sessionId, client);
      contentSource.use(session.sessionId, client);
      publisher.use(session.natsUrl);
    },
  });
  const collector = new Collector({ ...base, images, kept: blobs.kept });
  collector.start();
  log.info('agent started', { nodeId, address: description.address });
  return {
    close: async () => {
      collector.close();
      await Promise.all([node.close(), publisher.close()]);
      logs.close();
      diskWatch.close();
      await Promise.all([network.close(), runtime.close(), names.close()]);
      launcher.close();
      probing.close();
    },
  };
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

function connect(address: string): AgentGatewayClient {
  return new AgentGatewayClient(address, credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 5_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_channelz': 0,
  });
}

async function describe(config: AgentConfig): Promise<NodeDescription> {
  return {
    hostname: hostname(),
    address: config.address ?? (await sourceAddress(config.controllers[0] ?? '')),
    os: 'linux',
    arch: arch() === 'x64' ? 'amd64' : arch(),
    cpuMillis: cpus().length * 1_000,
    memoryBytes: totalmem(),
    kernel: release(),
    agentVersion,
    bootId: await readBootId(),
    ...(Object.keys(config.devices).length > 0 && { devices: config.devices }),
  };
}

/** The address this host speaks from to the controller. */
async function sourceAddress(controller: string): Promise<string> {
  const host = controller.split(':')[0] ?? '';
  const { stdout } = await ownExec(['ip', '-o', 'route', 'get', host]);
  const address = / src (\S+)/.exec(stdout)?.[1];
  if (address !== undefined) return address;
  throw new GantryError('invalid', `this host has no way to the controller ${controller}`, {
    hint: 'give --address, and check --controller',
  });
}

/** conmon wants the full path of its runtime. */
async function findRunc(): Promise<string> {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']) {
    const path = join(dir, 'runc');
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new GantryError('invalid', 'runc is not installed', { hint: 'apt-get install runc' });
}
