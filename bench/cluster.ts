import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { exec } from '@gantry/kit/exec';
import { ControlClient, type TaskView } from '@gantry/proto/gen/gantry/v1/control';
import * as fromModel from '@gantry/proto/from-model';
import { defaultRestart, defaultStopGraceMs, type ServiceSpec } from '@gantry/model/service';
import { LocalCluster } from '../packages/cli/src/local/cluster.ts';
import { waitForNodes } from '../packages/cli/src/local/nodes.ts';
import { root } from '../tests/support/imports.ts';

/** A local cluster with the hello image, and what benches ask of it. */
export interface BenchCluster {
  readonly local: LocalCluster;
  readonly client: ControlClient;
  apply(replicas: number): Promise<void>;
  /** Removes the service and waits until its last task is gone. */
  remove(): Promise<void>;
  /** Calls `check` with all tasks, now and at each change, until it answers true. */
  until(check: (tasks: readonly TaskView[]) => boolean, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

const stack = 'bench';

export async function benchCluster(hosts: number, logLevel = 'warn'): Promise<BenchCluster> {
  const local = await LocalCluster.start({
    // Always the same name: the next bench ends what a killed one left.
    name: 'bench',
    hosts,
    gantryBin: join(root, 'bin/gantry'),
    exec,
    logLevel,
  });
  await waitForNodes(local.controllerAddress, hosts, 30_000);
  loadHello(local.controllerAddress);
  const client = new ControlClient(local.controllerAddress, credentials.createInsecure());
  let serviceId = '';
  const until = (check: (tasks: readonly TaskView[]) => boolean, timeoutMs: number): Promise<void> =>
    watchUntil(client, serviceId, check, timeoutMs);
  return {
    local,
    client,
    until,
    apply: async (replicas) => {
      serviceId = await applyHello(client, replicas);
    },
    remove: async () => {
      await call((done) => client.removeServices({ names: [stack] }, done));
      await watchGone(client, serviceId);
    },
    stop: async () => {
      client.close();
      await local.stop();
      rmSync(local.topology.stateDir, { recursive: true, force: true });
    },
  };
}

export function loadHello(controller: string): void {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  try {
    const archive = join(dir, 'hello.tar');
    execFileSync(process.execPath, [join(root, 'examples/hello/build-image.mjs'), archive]);
    const env = { ...process.env, GANTRY_CONTROLLER: controller };
    execFileSync(process.execPath, [join(root, 'bin/gantry'), 'image', 'load', archive], {
      env,
      stdio: 'pipe',
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export function helloSpec(replicas: number): ServiceSpec {
  return {
    stack,
    name: 'hello',
    mode: { kind: 'replicated', replicas },
    container: {
      image: 'hello:1',
      entrypoint: ['/bin/sleep'],
      command: ['100000'],
      env: {},
      readOnly: false,
      capAdd: [],
      capDrop: [],
      tmpfs: [],
      stopGraceMs: defaultStopGraceMs,
      stopSignal: 'SIGKILL',
      labels: {},
      limits: { pids: 64 },
      reservations: {},
    },
    ports: [],
    restart: defaultRestart,
    constraints: [],
    labels: {},
  };
}

async function applyHello(client: ControlClient, replicas: number): Promise<string> {
  const services = [fromModel.serviceSpec(helloSpec(replicas))];
  const response = await call((done: Done<{ services: { serviceId: string }[] }>) =>
    client.apply({ stack, services, prune: true, credentials: [], contents: [] }, done),
  );
  return response.services[0]?.serviceId ?? '';
}

type Done<T> = (error: Error | null, value: T) => void;

function call<T>(start: (done: Done<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));
}

function watchUntil(
  client: ControlClient,
  serviceId: string,
  check: (tasks: readonly TaskView[]) => boolean,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const tasks = new Map<string, TaskView>();
    const stream = client.watch({ serviceIds: [serviceId] });
    const timer = setTimeout(() => end(new Error('the cluster did not get there in time')), timeoutMs);
    const end = (error?: Error): void => {
      clearTimeout(timer);
      stream.cancel();
      if (error) reject(error);
      else resolve();
    };
    stream.on('error', (error) => end(error));
    stream.on('data', (message: { tasks: TaskView[] }) => {
      for (const task of message.tasks) tasks.set(task.id, task);
      if (check([...tasks.values()])) end();
    });
  });
}

function watchGone(client: ControlClient, serviceId: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = client.watch({ serviceIds: [serviceId] });
    stream.on('error', (error: Error & { code?: number }) =>
      error.code === 1 || error.code === 5 ? resolve() : reject(error),
    );
    stream.on('data', (message: { removedServices: string[] }) => {
      if (message.removedServices.includes(serviceId)) stream.cancel();
    });
    stream.on('end', resolve);
  });
}
