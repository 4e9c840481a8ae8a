import { expect } from 'vitest';
import { newestOf, versionId } from '@gantry/model/content';
import { isFenced } from '@gantry/model/fence';
import { isOverRun } from '@gantry/model/job';
import { preempts } from '@gantry/model/placement';
import { isTerminal, type Task } from '@gantry/model/task';
import { defaultUpdate, mustStopFirst, targetRevision } from '@gantry/model/update';
import { noon } from '../../../../tests/support/builders.ts';
import type { Cluster } from '../../../../tests/support/clusters.ts';
import { allocate } from './allocate.ts';
import { contents, unusedMs } from './contents.ts';
import { jobs } from './jobs/jobs.ts';
import { nodeHealth } from './node-health.ts';
import { preempt } from './preempt.ts';
import { reap } from './reap.ts';
import { reconcilerContract } from './reconciler.contract.ts';
import { schedule } from './schedule.ts';
import { services } from './services/services.ts';

const tasksOf = (before: Cluster): readonly Task[] =>
  before.flatMap((object) => (object.kind === 'task' ? [object] : []));

reconcilerContract(services, (view, before) => {
  for (const service of view.all('service')) {
    // Before its writes, ready tasks of slots that stay: none of the last ready one is stopped without another.
    const old = tasksOf(before).filter((task) => task.serviceId === service.id);
    const { order } = service.spec.update ?? defaultUpdate;
    const versions = [service.spec, view.get('revision', targetRevision(service))];
    const running = [targetRevision(service), ...old.map(({ revisionId }) => revisionId)];
    const stopFirst =
      running.some((id) => isFenced(view.get('revision', id) ?? {})) ||
      versions.some((version) => version && mustStopFirst(version, order));
    if (service.spec.job) continue;
    if (service.removing || stopFirst || service.spec.mode.kind === 'global') continue;
    const { replicas } = service.spec.mode;
    for (let slot = 1; slot <= replicas; slot++) {
      const serving = (task: Task): boolean =>
        task.slot === slot &&
        task.desired === 'running' &&
        task.status.ready &&
        view.get('node', task.nodeId ?? '')?.state === 'ready';
      const now = [...view.tasksOfService(service.id)];
      if (old.some((task) => serving(task) && task.makesWay === undefined))
        expect(now.some(serving)).toBe(true);
    }
    const live = [...view.tasksOfService(service.id)].filter(
      (t) => t.desired === 'running' && !isTerminal(t.status.state),
    );
    for (let slot = 1; slot <= replicas; slot++) {
      const current = live.filter(
        (task) => task.slot === slot && task.revisionId === targetRevision(service),
      );
      // One besides those on a host that is being drained.
      const staying = current.filter((task) => view.get('node', task.nodeId ?? '')?.availability !== 'drain');
      expect(staying.length).toBeLessThanOrEqual(1);
    }
    expect(live.every((task) => task.slot >= 1 && task.slot <= replicas)).toBe(true);
  }
});

reconcilerContract(allocate, (view) => {
  const subnets = [...view.all('node')].map(({ subnet }) => subnet);
  expect(subnets).not.toContain(undefined);
  expect(new Set(subnets).size).toBe(subnets.length);
  const vips = [...view.all('service')].filter(({ removing }) => !removing).map(({ vip }) => vip);
  expect(vips).not.toContain(undefined);
  expect(new Set(vips).size).toBe(vips.length);
  const active = [...view.all('service')].filter(({ removing }) => !removing);
  const held = active.flatMap(({ publishedPorts = [] }) =>
    publishedPorts.filter(({ published }) => published > 0).map(({ published }) => published),
  );
  expect(new Set(held).size).toBe(held.length);
  for (const { spec, publishedPorts } of active) {
    spec.ports.forEach((port, index) => {
      const given = publishedPorts?.[index]?.published ?? 0;
      // One that is asked for by number is missing only if another has it.
      if (given === 0) expect(held).toContain(port.published);
      else if (port.published !== 0) expect(given).toBe(port.published);
    });
  }
});

reconcilerContract(jobs, (view) => {
  for (const { id, spec, job } of view.all('service')) {
    if (!spec.job) continue;
    const open = job?.runs.filter((run) => !isOverRun(run)) ?? [];
    expect(open.length, 'one run at a time').toBeLessThanOrEqual(1);
    const live = [...view.tasksOfService(id)].filter(
      (task) => task.desired === 'running' && !isTerminal(task.status.state),
    );
    if (view.get('service', id)?.removing) continue;
    expect(live.every(({ run }) => run === open[0]?.number)).toBe(true);
  }
});

reconcilerContract(schedule, (view, before) => {
  for (const node of view.all('node')) {
    const placed = tasksOf(before).filter(
      (task) => task.nodeId === undefined && view.get('task', task.id)?.nodeId === node.id,
    );
    if (placed.length === 0) continue;
    expect(node.state).toBe('ready');
    expect(node.availability).toBe('active');
    const reserved = [...view.tasksOnNode(node.id)]
      .filter((task) => !isTerminal(task.status.state))
      .map((task) => view.get('revision', task.revisionId)?.container.reservations.cpuMillis ?? 0);
    const asked = placed.some(
      (task) => view.get('revision', task.revisionId)?.container.reservations.cpuMillis,
    );
    if (asked) expect(sum(reserved)).toBeLessThanOrEqual(node.description.cpuMillis);
  }
});

reconcilerContract(preempt, (view, before) => {
  for (const task of tasksOf(before)) {
    const after = view.get('task', task.id);
    if (after?.makesWay === task.makesWay) continue;
    const placement = view.get('service', task.serviceId)?.spec.placement;
    expect(placement && preempts(placement, 'yields')).toBe(true);
    expect([task.desired, isTerminal(task.status.state)]).toEqual(['running', false]);
    // Somebody more important waits, and takes.
    const takers = [...view.unplacedTasks()].map(
      ({ serviceId }) => view.get('service', serviceId)?.spec.placement,
    );
    expect(
      takers.some((one) => one && preempts(one, 'takes') && one.priority > (placement?.priority ?? 0)),
    ).toBe(true);
  }
});

reconcilerContract(nodeHealth, (view, before) => {
  const nodes = [...view.all('node')];
  const silent = nodes.filter(({ silentSince }) => silentSince !== undefined).length;
  const wasDown = new Set(
    before.flatMap((object) => (object.kind === 'node' && object.state === 'down' ? [object.id] : [])),
  );
  if (silent * 2 <= nodes.length) return;
  expect(nodes.filter((node) => node.state === 'down' && !wasDown.has(node.id))).toEqual([]);
});

reconcilerContract(reap, (view, before) => {
  for (const task of tasksOf(before)) {
    if (task.desired === 'running') expect(view.get('task', task.id)).toBeDefined();
    const node = view.get('node', task.nodeId ?? '');
    const held = task.desired === 'remove' && node?.state === 'ready' && !isTerminal(task.status.state);
    if (held) expect(view.get('task', task.id)).toBeDefined();
  }
  for (const service of view.all('service')) {
    if (before.some(({ id }) => id === service.revisionId))
      expect(view.get('revision', service.revisionId)).toBeDefined();
  }
});

reconcilerContract(contents, (view, before) => {
  const versions = before.flatMap((object) => (object.kind === 'secret' ? [object] : []));
  for (const { container } of view.all('revision')) {
    for (const { source, number = 0 } of container.contents ?? []) {
      const id = versionId(source, number);
      // What a revision names is there, with its bytes, if it was.
      if (!versions.some((version) => version.id === id)) continue;
      expect(view.get('secret', id)).toBeDefined();
      expect(view.get('payload', `secret.${id}`)).toBeDefined();
    }
  }
  for (const { id, createdAt } of versions)
    if (createdAt + unusedMs > noon) expect(view.get('secret', id)).toBeDefined();
  const newest = newestOf(versions);
  if (newest && newest.stack === undefined) expect(view.get('secret', newest.id)).toBeDefined();
  expect(view.count('payload')).toBe(view.count('secret'));
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
