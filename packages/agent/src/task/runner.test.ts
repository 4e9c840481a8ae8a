import { describe, expect, test } from 'vitest';
import { GantryError } from '@gantry/kit/errors';
import type { HealthSpec } from '@gantry/model/health';
import { aContainer, anAssignment } from '../../../../tests/support/builders.ts';
import { TaskStage } from '../../../../tests/support/task-stage.ts';
import type { FetchContent } from '../contents/contents.ts';

const check: HealthSpec = {
  probe: { kind: 'tcp', port: 80 },
  intervalMs: 1_000,
  retries: 2,
  startIntervalMs: 1_000,
};

describe('readiness', () => {
  test('a task without a health check is ready when it runs', async () => {
    const stage = new TaskStage();
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'running', ready: true });
    expect(stage.status.health).toBeUndefined();
    expect(stage.asked).toBe(0);
  });

  test('a task tells its address as soon as it starts, so that others know of it before it is ready', async () => {
    const stage = new TaskStage();
    await stage.agent();
    const starting = stage.told.find(({ state }) => state === 'starting');
    expect(starting).toMatchObject({ address: '10.210.1.2', ready: false });
  });

  test('a task with one is ready when its first check succeeds, and not before', async () => {
    const stage = new TaskStage(check);
    stage.answer = { ok: false, words: 'refused' };
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'running', ready: false, health: 'starting' });
    stage.answer = { ok: true, words: '' };
    await stage.pass(100);
    expect(stage.status).toMatchObject({ state: 'running', ready: true, health: 'healthy' });
    expect(stage.saved.status.health).toBe('healthy');
  });

  test('an agent that comes back keeps a healthy task ready, and asks on', async () => {
    const stage = new TaskStage(check);
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
    const stage = new TaskStage(check);
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
    const stage = new TaskStage(check);
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
    const stage = new TaskStage(check);
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
    const stage = new TaskStage();
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
    const stage = new TaskStage(check);
    await stage.agent();
    stage.open = 1;
    stage.runner.want('shutdown');
    await stage.pass(4_900);
    expect(stage.status.state).toBe('running');
    await stage.pass(200);
    expect(stage.status.state).toBe('shutdown');
    const sick = new TaskStage(check);
    sick.open = 1;
    await sick.agent();
    sick.answer = { ok: false, words: 'refused' };
    for (let second = 0; second < 4; second++) await sick.pass(1_000);
    expect(sick.status.state).toBe('failed');
  });

  test('that ends by itself meanwhile has ended as it did', async () => {
    const stage = new TaskStage();
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
      const stage = new TaskStage();
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
  const stage = new TaskStage();
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
  const stage = new TaskStage();
  stage.saveFails = new GantryError('exhausted', 'the disk is full');
  await stage.agent();
  expect(stage.host.starts.size).toBe(0);
  stage.saveFails = undefined;
  await stage.pass(1_000);
  expect(stage.status).toMatchObject({ state: 'running' });
  expect(stage.host.starts.get(stage.id)).toBe(1);
});

test('a container whose link could not be made does not start, and is attached anew before the next attempt', async () => {
  const stage = new TaskStage();
  stage.network.linksToFail = 1;
  await stage.agent();
  expect(stage.host.starts.size).toBe(0);
  await stage.pass(1_000);
  expect(stage.status).toMatchObject({ state: 'running' });
  expect(stage.network.attachments).toBe(2);
  expect(stage.host.starts.get(stage.id)).toBe(1);
});

test('an end is told without waiting for the disk', async () => {
  const stage = new TaskStage();
  await stage.agent();
  stage.saveHangs = true;
  stage.host.end(stage.id, { exitCode: 3, oom: false, at: 0 });
  await stage.pass(0);
  expect(stage.told.at(-1)).toMatchObject({ state: 'failed', exitCode: 3 });
});

describe('a task with a secret', () => {
  const mount = {
    kind: 'secret',
    source: 'db',
    number: 2,
    target: '/s',
    uid: 0,
    gid: 0,
    mode: 0o400,
  } as const;

  function stageWithSecret(fetch: FetchContent): TaskStage {
    const stage = new TaskStage();
    const container = aContainer({ contents: [mount] });
    stage.saved = { ...stage.saved, assignment: anAssignment({ container }) };
    stage.contents.fetch = fetch;
    return stage;
  }

  test('finds it when it starts, keeps nothing of it in its record, and takes it along', async () => {
    const stage = stageWithSecret(() => Promise.resolve(Buffer.from('canary-5e1c')));
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'running', ready: true });
    expect(Buffer.from(stage.contents.files.get(stage.id)?.get('/s') ?? []).toString()).toBe('canary-5e1c');
    expect(JSON.stringify(stage.saved)).not.toContain('canary');
    stage.runner.want('shutdown');
    await stage.pass(10_000);
    expect(stage.contents.files.size).toBe(0);
  });

  test('waits, with words, while nobody can be asked for it', async () => {
    let away = true;
    const stage = stageWithSecret(() =>
      away
        ? Promise.reject(
            new GantryError('unreachable', 'secret db@2 cannot be had: no controller is connected'),
          )
        : Promise.resolve(Buffer.from('x')),
    );
    await stage.agent();
    expect(stage.status.reason).toMatch(
      /^secret db@2 cannot be had: no controller is connected; trying again/,
    );
    away = false;
    await stage.pass(5_000);
    expect(stage.status).toMatchObject({ state: 'running', ready: true });
  });

  test('is rejected at once, in the words of the controller, when that refuses it', async () => {
    const words =
      'secret db@2 cannot be had: it is sealed with key 1a2b, which is not in /k of this controller';
    const stage = stageWithSecret(() => Promise.reject(new GantryError('not_allowed', words)));
    await stage.agent();
    expect(stage.status).toMatchObject({ state: 'rejected', reason: words });
    expect(stage.host.starts.size).toBe(0);
  });
});
