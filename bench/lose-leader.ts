import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import * as fromModel from '@gantry/proto/from-model';
import { ControlClient } from '@gantry/proto/gen/gantry/v1/control';
import { ManagedProcess } from '../packages/cli/src/local/managed-process.ts';
import { ports } from '../packages/cli/src/local/topology.ts';
import { root } from '../tests/support/imports.ts';
import { helloSpec, type BenchCluster } from './cluster.ts';

const rounds = 5;
/** A controller has this long to come up and wait for its turn, ms. */
const standbyMs = 4_000;
/** A write is tried this often, ms. */
const everyMs = 20;
const impatient = { 'grpc.initial_reconnect_backoff_ms': everyMs, 'grpc.max_reconnect_backoff_ms': everyMs };
const patienceMs = 30_000;

interface Controller {
  readonly process: ManagedProcess;
  readonly address: string;
}

/** Two controllers at one etcd: the one that leads is killed; ms until the other one has accepted a write. Each in its turn. */
export async function loseLeader(cluster: BenchCluster): Promise<readonly number[]> {
  const { local } = cluster;
  const first = {
    process: local.process('controller'),
    address: local.controllerAddress,
  };
  const second = standby(cluster);
  let [leader, other]: [Controller, Controller] = [first, second];
  const took: number[] = [];
  try {
    second.process.start();
    for (let round = 0; round < rounds; round++) {
      // The other one has no listener before it leads. Then at whatever moment of the leader's lease.
      await new Promise((resolve) => setTimeout(resolve, standbyMs + Math.random() * 1_500));
      const began = performance.now();
      void leader.process.kill('SIGKILL');
      await acceptsWrite(other.address, round);
      took.push(performance.now() - began);
      leader.process.start();
      [leader, other] = [other, leader];
    }
  } finally {
    await second.process.kill('SIGTERM');
  }
  return took;
}

function standby({ local: { topology } }: BenchCluster): Controller {
  const port = ports.controller + 1;
  const address = `${topology.gateway}:${port}`;
  const stateDir = join(topology.stateDir, 'standby');
  const argv = [
    process.execPath, join(root, 'bin/gantry'), 'controller', '--listen', address,
    '--etcd', `http://${topology.etcdHost}:${ports.etcd}`, '--state-dir', stateDir, '--log-level', 'warn',
  ]; // prettier-ignore
  const log = join(topology.stateDir, 'logs', 'standby.log');
  return {
    process: new ManagedProcess(
      'standby',
      argv,
      log,
      () => undefined,
      () => undefined,
    ),
    address,
  };
}

/** Applies another number of replicas of a service that no host is asked to run, until it is accepted. */
async function acceptsWrite(address: string, round: number): Promise<void> {
  const client = new ControlClient(address, credentials.createInsecure(), impatient);
  const spec = { ...helloSpec(0), stack: 'leader', labels: { round: String(round) } };
  const request = {
    stack: 'leader',
    services: [fromModel.serviceSpec(spec)],
    prune: true,
    credentials: [],
    contents: [],
  };
  const until = performance.now() + patienceMs;
  try {
    for (;;) {
      const error = await new Promise<Error | null>((resolve) => client.apply(request, resolve));
      if (!error) return;
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  } finally {
    client.close();
  }
}
