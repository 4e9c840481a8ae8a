import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@gantry/kit/clock';
import { killAt, noFailpoint } from '@gantry/kit/failpoint';
import { Launcher } from '@gantry/kit/launcher';
import { silentLogger } from '@gantry/kit/log';
import { readBootId } from '@gantry/kit/process';
import { defaultPools } from '@gantry/model/addresses';
import type { TaskAssignment } from '@gantry/model/assignment';
import { isTerminal, type TaskStatus } from '@gantry/model/task';
import type { Images } from '../../../packages/agent/src/images/images.ts';
import { Overlay } from '../../../packages/agent/src/images/overlay.ts';
import { createLogs } from '../../../packages/agent/src/logs/node-logs.ts';
import { FakeNetwork } from '../../../packages/agent/src/network/fake.ts';
import { readHostFacts } from '../../../packages/agent/src/runtime/runc/host-facts.ts';
import { createRuncRuntime } from '../../../packages/agent/src/runtime/runc/runc-runtime.ts';
import { containerFiles } from '../../../packages/agent/src/task/container-files.ts';
import { NodeContents } from '../../../packages/agent/src/contents/node-contents.ts';
import { FakeVolumes } from '../../../packages/agent/src/volumes/fake.ts';
import type { VolumesInput } from '../../../packages/agent/src/volumes/volumes.ts';
import { Disk } from '../../../packages/agent/src/worker/disk.ts';
import { Worker } from '../../../packages/agent/src/worker/worker.ts';

/**
 * One life of an agent without a cluster: a real worker, runtime, disk, logs and overlay mounts. Takes what `wanted.json`
 * says, and ends once all is so, unless it is killed at a failpoint first. `agent.ts DIR NAME NETNS [FAILPOINT]`
 */
const [dir = '', name = '', netns = '', failpointText] = process.argv.slice(2);
const failpoint = failpointText === undefined ? noFailpoint : killAt(failpointText);
const wanted = JSON.parse(readFileSync(join(dir, 'wanted.json'), 'utf8')) as readonly TaskAssignment[];
const started = join(dir, 'started');
mkdirSync(started, { recursive: true });
/** The last state that was reported of each task. */
const told = new Map<string, TaskStatus['state']>();
const launcher = new Launcher(join(dir, 'run/exec'));
const { exec } = launcher;

const overlay = new Overlay({ exec, rootfsDir: join(dir, 'rootfs'), layersDir: join(dir, 'layers') });
const images: Images = {
  ensure: () =>
    Promise.resolve({ entrypoint: [], command: [], env: [], workingDir: '', user: '', exposedPorts: [] }),
  mount: async (id: string) => ({ path: await overlay.mount(id, ['base']) }),
  unmount: (id: string) => overlay.unmount(id),
  mounted: () => overlay.list(),
};

class StartedVolume extends FakeVolumes {
  override async prepare(input: VolumesInput): Promise<ReadonlyMap<string, string>> {
    await super.prepare(input);
    return new Map([['/started', started]]);
  }
}
const network = new FakeNetwork();
const attach = network.attach.bind(network);
network.attach = async (...given) => ({ ...(await attach(...given)), netns });

const disk = new Disk(join(dir, 'state'), silentLogger, systemClock);
await disk.open();
const logs = await createLogs({ dir: join(dir, 'state/logs'), clock: systemClock, log: silentLogger });
const runtime = await createRuncRuntime({
  exec,
  clock: systemClock,
  log: silentLogger,
  runDir: join(dir, 'run'),
  cgroupParent: name,
  logPath: (id) => logs.path(id),
  logStart: (id) => logs.start(id),
  host: await readHostFacts(name),
  runc: '/usr/sbin/runc',
  failpoint,
});
const worker = new Worker({
  runtime,
  images,
  network,
  volumes: new StartedVolume(),
  contents: new NodeContents({
    exec,
    dir: join(dir, 'run/contents'),
    fetch: () => Promise.resolve(Buffer.from('canary')),
  }),
  policy: { allowBind: [dir], allowDevice: [], allowPrivileged: false },
  logs,
  disk,
  lookUpUser: () => Promise.resolve({ uid: 0, gid: 0, additionalGids: [] }),
  clock: systemClock,
  log: silentLogger,
  random: Math.random,
  files: containerFiles(join(dir, 'run/files'), '10.0.0.1'),
  bootId: await readBootId(),
  failpoint,
  probe: () => Promise.resolve({ ok: true, words: '' }),
  address: '10.0.0.1',
  report: say,
});
await worker.start();
// As the link does when a session begins: an agent that was killed between keeping and telling is not the last to know.
for (const [taskId, status] of worker.statuses()) say(taskId, status);
await worker.assign({
  subnet: '10.210.1.0/24',
  pools: defaultPools,
  tasks: new Map(wanted.map((task) => [task.taskId, task])),
  peers: new Map(),
  endpoints: new Map(),
});

function say(taskId: string, { state, reason }: TaskStatus): void {
  told.set(taskId, state);
  appendFileSync(join(dir, 'reports'), `${JSON.stringify({ taskId, state, reason })}\n`);
}

/** True once every task is as wanted, and those that are not wanted are gone. */
function settled(): boolean {
  const statuses = worker.statuses();
  if ([...statuses.keys()].some((id) => !wanted.some(({ taskId }) => taskId === id))) return false;
  return wanted.every(({ taskId, desired }) => {
    const state = statuses.get(taskId)?.state ?? 'new';
    if (told.get(taskId) !== state) return false; // it is kept before it is told
    return desired === 'running' ? state === 'running' || isTerminal(state) : isTerminal(state);
  });
}

/** True once nothing is kept of tasks that are not wanted: it is removed in the background. */
async function cleaned(): Promise<boolean> {
  const recorded = (await disk.records()).map(({ assignment }) => assignment.taskId);
  return [...recorded, ...(await logs.list())].every((id) => wanted.some(({ taskId }) => taskId === id));
}

let over = false;
for (let turn = 0; turn < 2_000 && !over; turn++) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  over = settled() && (await cleaned());
}
await worker.close();
await runtime.close();
logs.close();
launcher.close();
process.exit(over ? 0 : 1);
