import { describe, expect, test } from 'vitest';
import { VirtualClock } from '@gantry/kit/virtual-clock';
import { GantryError } from '@gantry/kit/errors';
import { noFailpoint } from '@gantry/kit/failpoint';
import { silentLogger } from '@gantry/kit/log';
import type { HealthSpec } from '@gantry/model/health';
import { defaultNetworking } from '@gantry/model/network';
import type { TaskStatus } from '@gantry/model/task';
import { aContainer, anId } from '../../../../tests/support/builders.ts';
import { FakeImages } from '../images/fake.ts';
import { fakeLogs } from '../logs/fake.ts';
import { FakeNetwork } from '../network/fake.ts';
import { FakeVolumes } from '../volumes/fake.ts';
import { FakeHost, FakeRuntime } from '../runtime/fake.ts';
import { fakeContainerFiles } from './container-files.ts';
import type { ProbeResult } from './health.ts';
import { closedPolicy } from './policy.ts';
import type { TaskRecord } from './record.ts';
import { Runner } from './runner.ts';

/** A host in memory with one task; agents come and go on it. */
class Stage {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost();
  readonly network = new FakeNetwork();
  readonly images = new FakeImages();
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
  runner!: Runner;

  constructor(health?: HealthSpec, stopGraceMs = 2_000) {
    const taskId = anId('t');
    this.saved = {
      assignment: {
        taskId,
        serviceId: 's',
        revisionId: 'r',
        stack: 'shop',
        service: 'web',
        slot: 1,
        desired: 'running',
        container: aContainer({ stopGraceMs, ...(health && { health }) }),
        image: { ref: 'web:1', digest: 'sha256:0', source: 'loaded' },
        hostPorts: [],
        networking: defaultNetworking('shop'),
      },
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

const check: HealthSpec = {
  probe: { kind: 'tcp', port: 80 },
  intervalMs: 1_000,
  retries: 2,
  startIntervalMs: 1_000,
};

describe('readiness', () => {
  test('a task without a health check is ready when it runs', async () => {
    const stage = new Stage();
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'running', ready: true });
    expect(stage.status.health).toBeUndefined();
    expect(stage.asked).toBe(0);
  });

  test('a task tells its address as soon as it starts, so that others know of it before it is ready', async () => {
    const stage = new Stage();
    await stage.agent();
    const starting = stage.told.find(({ state }) => state === 'starting');
    expect(starting).toMatchObject({ address: '10.210.1.2', ready: false });
  });

  test('a task with one is ready when its first check succeeds, and not before', async () => {
    const stage = new Stage(check);
    stage.answer = { ok: false, words: 'refused' };
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'running', ready: false, health: 'starting' });
    stage.answer = { ok: true, words: '' };
    await stage.pass(100);
    expect(stage.status).toMatchObject({ state: 'running', ready: true, health: 'healthy' });
    expect(stage.saved.status.health).toBe('healthy');
  });

  test('an agent that comes back keeps a healthy task ready, and asks on', async () => {
    const stage = new Stage(check);
    await stage.agent();
    await stage.pass(10);
    stage.runner.close();
    const { asked } = stage;
    await stage.agent();
    await stage.pass(1_000);
    expect(stage.told.filter(({ ready }) => ready)).toHaveLength(1);
    expect(stage.status).toMatchObject({ ready: true, health: 'healthy' });
    expect(stage.asked).toBeGreaterThan(asked);
    expect(stage.host.starts.get(stage.id)).toBe(1);
  });
});

describe('an unhealthy task', () => {
  test('is ended, and has failed with the words of its check', async () => {
    const stage = new Stage(check);
    await stage.agent();
    stage.answer = { ok: false, words: 'HTTP 500 from :80/' };
    for (let second = 0; second < 4; second++) await stage.pass(1_000);
    expect(stage.status).toMatchObject({
      state: 'failed',
      reason: 'unhealthy: 2 checks in a row failed: HTTP 500 from :80/',
      ready: false,
    });
    expect(stage.told.some(({ state, health }) => state === 'running' && health === 'unhealthy')).toBe(true);
    expect(stage.saved.cleaned).toBe(true);
  });

  test('has failed for its health also if the agent was killed while it was being ended', async () => {
    const stage = new Stage(check);
    await stage.agent();
    stage.saved = {
      ...stage.saved,
      unhealthy: 'unhealthy: a check failed: no answer within 1 s',
      status: { ...stage.saved.status, ready: false, health: 'unhealthy' },
    };
    stage.runner.close();
    stage.host.end(stage.id, { exitCode: 0, oom: false, at: 0 });
    await stage.agent();
    expect(stage.status).toMatchObject({
      state: 'failed',
      reason: 'unhealthy: a check failed: no answer within 1 s',
      exitCode: 0,
    });
  });

  test('is not asked any more once it is to be stopped', async () => {
    const stage = new Stage(check);
    await stage.agent();
    await stage.pass(10);
    stage.runner.want('shutdown');
    await stage.pass(0);
    const { asked } = stage;
    await stage.pass(10_000);
    expect(stage.asked).toBe(asked);
    expect(stage.status.state).toBe('shutdown');
  });
});

describe('a task that is to stop', () => {
  test('is sent its signal once the connections to it have ended', async () => {
    const stage = new Stage();
    await stage.agent();
    stage.open = 2;
    stage.runner.want('shutdown');
    await stage.pass(1_000);
    expect(stage.status).toMatchObject({
      state: 'running',
      ready: false,
      reason: 'draining 2 connections, for at most 5 s',
    });
    stage.open = 0;
    await stage.pass(1_000);
    expect(stage.status.state).toBe('shutdown');
  });

  test('does not wait for ever, and not at all if it is unhealthy', async () => {
    const stage = new Stage(check);
    await stage.agent();
    stage.open = 1;
    stage.runner.want('shutdown');
    await stage.pass(4_900);
    expect(stage.status.state).toBe('running');
    await stage.pass(200);
    expect(stage.status.state).toBe('shutdown');
    const sick = new Stage(check);
    sick.open = 1;
    await sick.agent();
    sick.answer = { ok: false, words: 'refused' };
    for (let second = 0; second < 4; second++) await sick.pass(1_000);
    expect(sick.status.state).toBe('failed');
  });

  test('that ends by itself meanwhile has ended as it did', async () => {
    const stage = new Stage();
    await stage.agent();
    stage.open = 1;
    stage.runner.want('shutdown');
    await stage.pass(500);
    stage.host.end(stage.id, { exitCode: 3, oom: false, at: 0 });
    await stage.pass(200);
    expect(stage.status).toMatchObject({ state: 'shutdown', exitCode: 3 });
  });
});

describe('a restart of the host', () => {
  test.each(['running', 'starting'] as const)(
    'ends a task that was %s, and it is not run again',
    async (state) => {
      const stage = new Stage();
      await stage.agent();
      stage.runner.close();
      stage.saved = { ...stage.saved, status: { ...stage.saved.status, state } };
      stage.host.containers.clear();
      stage.bootId = 'boot-2';
      await stage.agent();
      expect(stage.status).toMatchObject({ state: 'failed', reason: 'the host was restarted' });
      expect(stage.host.starts.get(stage.id)).toBe(1);
    },
  );
});

test('a container that was started just before its agent was killed is adopted, not started again', async () => {
  const stage = new Stage();
  await stage.agent();
  stage.runner.close();
  stage.saved = {
    ...stage.saved,
    status: { ...stage.saved.status, state: 'starting', reason: 'starting', ready: false },
  };
  await stage.agent();
  expect(stage.status).toMatchObject({ state: 'running', ready: true });
  expect(stage.host.starts.get(stage.id)).toBe(1);
});

test('the record is on disk before the container is started', async () => {
  const stage = new Stage();
  stage.saveFails = new GantryError('exhausted', 'the disk is full');
  await stage.agent();
  expect(stage.host.starts.size).toBe(0);
  stage.saveFails = undefined;
  await stage.pass(1_000);
  expect(stage.status).toMatchObject({ state: 'running' });
  expect(stage.host.starts.get(stage.id)).toBe(1);
});
