import { VirtualClock } from '@gantry/kit/virtual-clock';
import { GantryError } from '@gantry/kit/errors';
import { noFailpoint } from '@gantry/kit/failpoint';
import { silentLogger } from '@gantry/kit/log';
import { defaultPools } from '@gantry/model/addresses';
import type { HealthSpec } from '@gantry/model/health';
import type { TaskStatus } from '@gantry/model/task';
import { FakeContents } from '../../packages/agent/src/contents/fake.ts';
import { FakeImages } from '../../packages/agent/src/images/fake.ts';
import { fakeLogs } from '../../packages/agent/src/logs/fake.ts';
import { FakeNetwork } from '../../packages/agent/src/network/fake.ts';
import { FakeHost, FakeRuntime } from '../../packages/agent/src/runtime/fake.ts';
import { fakeContainerFiles } from '../../packages/agent/src/task/container-files.ts';
import type { ProbeResult } from '../../packages/agent/src/task/health.ts';
import { closedPolicy } from '../../packages/agent/src/task/policy.ts';
import type { TaskRecord } from '../../packages/agent/src/task/record.ts';
import { Runner } from '../../packages/agent/src/task/runner.ts';
import { FakeVolumes } from '../../packages/agent/src/volumes/fake.ts';
import { aContainer, anAssignment } from './builders.ts';

/** A network in memory whose next links cannot be made. */
class WeakNetwork extends FakeNetwork {
  linksToFail = 0;
  attachments = 0;

  override attach(...args: Parameters<FakeNetwork['attach']>): ReturnType<FakeNetwork['attach']> {
    this.attachments++;
    return super.attach(...args);
  }

  override settled(containerId: string): Promise<void> {
    if (this.linksToFail-- > 0) return Promise.reject(new GantryError('unreachable', 'no link'));
    return super.settled(containerId);
  }
}

/** A host in memory with one task; agents come and go on it. */
export class TaskStage {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost();
  readonly network = new WeakNetwork();
  readonly images = new FakeImages();
  readonly contents = new FakeContents();
  readonly told: TaskStatus[] = [];
  /** What probes answer, and how often they were asked. */
  answer: ProbeResult = { ok: true, words: '' };
  asked = 0;
  bootId = 'boot-1';
  /** Connections to the container. */
  open = 0;
  saved: TaskRecord;
  /** Thrown instead of saving. */
  saveFails: GantryError | undefined;
  /** Saving does not come to an end. */
  saveHangs = false;
  runner!: Runner;

  constructor(health?: HealthSpec, stopGraceMs = 2_000) {
    this.saved = {
      assignment: anAssignment({ container: aContainer({ stopGraceMs, ...(health && { health }) }) }),
      status: { state: 'assigned', at: 0, reason: 'taken by its host', ready: false },
      cleaned: false,
    };
  }

  get id(): string {
    return this.saved.assignment.taskId;
  }

  get status(): TaskStatus {
    return this.runner.record.status;
  }

  /** An agent begins, with what is on disk and on the host. */
  async agent(): Promise<void> {
    await this.network.configure({
      subnet: '10.210.1.0/24',
      pools: defaultPools,
      address: '10.0.0.1',
      peers: [],
      endpoints: [],
      tasks: [],
    });
    const runtime = new FakeRuntime(this.clock, this.host);
    runtime.onExit((id, exit) => id === this.id && this.runner.exited(exit));
    const container = (await runtime.list()).get(this.id);
    const deps = {
      runtime,
      images: this.images,
      network: this.network,
      logs: fakeLogs,
      volumes: new FakeVolumes(),
      contents: this.contents,
      policy: closedPolicy,
      lookUpUser: () => Promise.resolve({ uid: 0, gid: 0, additionalGids: [] }),
      clock: this.clock,
      log: silentLogger,
      random: () => 0,
      files: fakeContainerFiles,
      bootId: this.bootId,
      connections: () => Promise.resolve(this.open),
      failpoint: noFailpoint,
      slot: <T>(work: () => Promise<T>) => work(),
      save: (record: TaskRecord) => {
        if (this.saveFails) return Promise.reject(this.saveFails);
        if (this.saveHangs) return new Promise<void>(() => undefined);
        this.saved = record;
        return Promise.resolve();
      },
      saveLater: (record: TaskRecord) => void (this.saved = record),
      report: (_id: string, status: TaskStatus) => void this.told.push(status),
      probe: () => {
        this.asked++;
        return Promise.resolve(this.answer);
      },
    };
    this.runner = new Runner(deps, this.saved, container, () => undefined);
    void this.runner.work();
    await this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.clock.advance(0);
  }
}
