import { expect, test } from 'vitest';
import { defaultJob } from '@gantry/model/job';
import type { ServiceSpec } from '@gantry/model/service';
import { aContainer, aSpec } from '../../../tests/support/builders.ts';
import { simulate, type Simulation } from './simulate.ts';

function of(services: readonly ServiceSpec[], more: Partial<Simulation> = {}): Simulation {
  const hostSize = { cpuMillis: 4_000, memoryBytes: 8 * 2 ** 30 };
  return { stack: 'shop', services, hosts: 4, hostSize, labels: () => ({}), kills: [], seed: 1, ...more };
}

const web = (replicas: number, cpuMillis = 0): ServiceSpec =>
  aSpec({
    name: 'web',
    mode: { kind: 'replicated', replicas },
    container: aContainer({ reservations: cpuMillis > 0 ? { cpuMillis } : {} }),
  });

test('a file comes up, spread over hosts, and a lost host costs its share until others have taken over', async () => {
  const { phases, broken } = await simulate(of([web(8)], { kills: [{ host: 'n2' }] }));
  expect(broken).toBeUndefined();
  const [applied, lost] = phases;
  expect(applied?.services[0]?.placed.map(({ tasks }) => tasks)).toEqual([2, 2, 2, 2]);
  expect(applied?.services[0]).toMatchObject({ desired: 8, ready: 8, unplaced: 0 });
  expect(lost).toMatchObject({ what: 'n2 loses power' });
  expect(lost?.lastedMs).toBeGreaterThan(4_000);
  expect(lost?.lastedMs).toBeLessThan(60_000);
  expect(lost?.services[0]).toMatchObject({ ready: 8, unplaced: 0 });
  expect(lost?.services[0]?.placed.map(({ node }) => node)).not.toContain('n2');
});

test('what has no room after the loss is told, with the reason', async () => {
  const { phases } = await simulate(of([web(4, 3_000)], { kills: [{ host: 'n1' }] }));
  expect(phases[1]?.lastedMs).toBeUndefined();
  expect(phases[1]?.services[0]).toMatchObject({ desired: 4, unplaced: 1 });
  expect(phases[1]?.services[0]?.reason).toContain('3.00 needed');
});

test('labels are given in turn, and a kill at a time happens then', async () => {
  const spec = { ...web(2), constraints: ['node.labels.zone==a'] };
  const labels = (host: number) => ({ zone: ['a', 'b'][host % 2] ?? '' });
  const { phases } = await simulate(of([spec], { labels, kills: [{ host: 'n1', atMs: 2_000 }] }));
  expect(phases).toHaveLength(1);
  expect(new Set(phases[0]?.services[0]?.placed.map(({ node }) => node))).toEqual(new Set(['n1', 'n3']));
  expect(phases[0]?.services[0]).toMatchObject({ ready: 2 });
});

test('the same seed plays the same way', async () => {
  const simulation = of([web(5)], { kills: [{ host: 'n3', atMs: 700 }], seed: 7 });
  const first = await simulate(simulation);
  expect(first.phases[0]?.services[0]).toMatchObject({ ready: 5 });
  expect(await simulate(simulation)).toEqual(first);
});

test('a job runs to its end, and what needs it begins after it', async () => {
  const migrate = aSpec({ name: 'migrate', job: { ...defaultJob, retries: 0 } });
  const dependsOn = [
    { service: 'migrate', condition: 'service_completed_successfully', required: true },
  ] as const;
  const { phases, broken } = await simulate(of([migrate, { ...web(1), dependsOn }]));
  expect(broken).toBeUndefined();
  const order = phases[0]?.steps.flatMap(({ places, service, what }) =>
    places.length > 0 ? [`${service} ${what}`] : [],
  );
  expect(order).toEqual([
    'shop/migrate start',
    'shop/migrate ready',
    'shop/migrate end',
    'shop/web start',
    'shop/web ready',
  ]);
});
