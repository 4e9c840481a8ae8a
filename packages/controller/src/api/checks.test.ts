import { describe, expect, test } from 'vitest';
import type { PortSpec, ServiceSpec } from '@gantry/model/service';
import { aService, aSpec, viewOf } from '../../../../tests/support/builders.ts';
import { checkPorts } from './checks.ts';
import { FieldError } from './errors.ts';

function port(published: number, more: Partial<PortSpec> = {}): PortSpec {
  return { target: 80, published, protocol: 'tcp', mode: 'ingress', ...more };
}

function spec(name: string, ports: readonly PortSpec[], stack = 'shop'): ServiceSpec {
  return aSpec({ stack, name, ports });
}

/** Service `web` of another stack holds these ports. */
function refusal(held: readonly PortSpec[], ...specs: readonly ServiceSpec[]): string {
  const view = viewOf([aService({ id: 's1', spec: spec('web', held, 'other') })]);
  try {
    checkPorts(view, specs);
    return '';
  } catch (error) {
    return error instanceof FieldError ? `${error.path}: ${error.message}` : String(error);
  }
}

describe('a published port belongs to one service of the cluster', () => {
  const taken = 'services.api.ports.0: port 8080/tcp of api is taken by other/web';

  test.each([
    ['of another stack', [port(8080)], [port(8080)]],
    ['of mode ingress against host', [port(8080)], [port(8080, { mode: 'host' })]],
    ['of mode host against ingress', [port(8080, { mode: 'host' })], [port(8080)]],
    ['on one address against all', [port(8080)], [port(8080, { hostIp: '127.0.0.1' })]],
  ])('%s', (_, held, wanted) => {
    expect(refusal(held, spec('api', wanted))).toBe(taken);
  });

  test('in a range', () => {
    const range = Array.from({ length: 11 }, (_, index) => port(8000 + index));
    expect(refusal([port(8005)], spec('api', range))).toBe(
      'services.api.ports.5: port 8005/tcp of api is taken by other/web',
    );
  });

  test('of one file', () => {
    expect(refusal([], spec('api', [port(8080)]), spec('db', [port(8080)]))).toBe(
      'services.db.ports.0: port 8080/tcp of db is taken by shop/api',
    );
  });

  test.each([
    ['TCP beside UDP', [port(53)], [port(53, { protocol: 'udp' })]],
    ['ports that are chosen', [port(0)], [port(0), port(0)]],
  ])('%s are not the same', (_, held, wanted) => {
    expect(refusal(held, spec('api', wanted))).toBe('');
  });

  test('a port that was chosen for a service is its own', () => {
    const chosen = aService({
      id: 's1',
      spec: spec('web', [port(0)], 'other'),
      publishedPorts: [port(30_000)],
    });
    expect(() => checkPorts(viewOf([chosen]), [spec('api', [port(30_000)])])).toThrow('taken by other/web');
  });

  test('a service keeps its port when it is applied again, and lets go of it when it is removed', () => {
    const held = [port(8080)];
    expect(refusal(held, spec('web', held, 'other'))).toBe('');
    const removing = aService({ id: 's1', spec: spec('web', held, 'other'), removing: true });
    expect(() => checkPorts(viewOf([removing]), [spec('api', held)])).not.toThrow();
  });
});
