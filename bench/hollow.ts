import { credentials } from '@grpc/grpc-js';
import { systemClock } from '@gantry/kit/clock';
import { noFailpoint } from '@gantry/kit/failpoint';
import { silentLogger } from '@gantry/kit/log';
import { AgentGatewayClient } from '@gantry/proto/gen/gantry/v1/agent';
import { FakeImages } from '../packages/agent/src/images/fake.ts';
import { fakeLogs } from '../packages/agent/src/logs/fake.ts';
import { FakeNetwork } from '../packages/agent/src/network/fake.ts';
import { startNode, type RunningNode } from '../packages/agent/src/node.ts';
import { FakeRuntime } from '../packages/agent/src/runtime/fake.ts';
import { fakeContainerFiles } from '../packages/agent/src/task/container-files.ts';
import { closedPolicy } from '../packages/agent/src/task/policy.ts';
import { FakeContents } from '../packages/agent/src/contents/fake.ts';
import { FakeVolumes } from '../packages/agent/src/volumes/fake.ts';
import { MemoryDisk } from '../packages/agent/src/worker/memory-disk.ts';
import { sharedRounds } from './shared-rounds.ts';

/*
 * Hollow nodes: the real agent (link, worker, task machine) over real gRPC, on drivers in memory, many in one process.
 * Started by `scale.ts` with a channel for orders: `lose N` ends the first N of them without a word.
 */
const [controller = '', countText = '0'] = process.argv.slice(2);
const count = Number(countText);
const readRound = sharedRounds();

function startHollow(index: number): Promise<RunningNode> {
  const name = `hollow-${String(index).padStart(5, '0')}`;
  return startNode({
    runtime: new FakeRuntime(systemClock),
    images: new FakeImages(),
    network: new FakeNetwork(() => systemClock.monotonic()),
    volumes: new FakeVolumes(),
    contents: new FakeContents(),
    disk: new MemoryDisk(),
    logs: fakeLogs,
    files: fakeContainerFiles,
    policy: closedPolicy,
    probe: () => Promise.resolve({ ok: true, words: '' }),
    failpoint: noFailpoint,
    lookUpUser: () => Promise.resolve({ uid: 0, gid: 0, additionalGids: [] }),
    bootId: `boot-${index}`,
    clients: [
      new AgentGatewayClient(controller, credentials.createInsecure(), {
        // A connection for each, as on real hosts.
        'grpc.use_local_subchannel_pool': 1,
        'grpc.enable_channelz': 0,
      }),
    ],
    nodeId: `h${String(index).padStart(11, '0')}`,
    name,
    description: {
      hostname: name,
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
      os: 'linux',
      arch: 'amd64',
      cpuMillis: 64_000,
      memoryBytes: 256 * 2 ** 30,
      kernel: '6.1',
      agentVersion: 'hollow',
      bootId: `boot-${index}`,
    },
    clock: systemClock,
    log: silentLogger,
    random: Math.random,
    readRound,
  });
}

const nodes: RunningNode[] = [];
for (let index = 0; index < count; index++) {
  nodes.push(await startHollow(index));
  // A breath, so that a thousand registrations do not meet.
  if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 20));
}
process.send?.('started');

process.on('message', (message: { readonly lose?: number }) => {
  for (const node of nodes.splice(0, message.lose ?? 0)) void node.close();
});
process.on('disconnect', () => process.exit(0));
// Its end by itself, so that a profile is written.
process.on('SIGTERM', () => process.exit(0));
