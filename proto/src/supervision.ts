import type { HealthSpec } from '@gantry/model/health';
import { defined } from './defined.ts';
import type * as wire from './gen/gantry/v1/supervision.ts';

type ModelProbe = NonNullable<HealthSpec['probe']>;

/** Model to wire and back for what stands in `supervision.proto`. */
export function healthToWire(value: HealthSpec): wire.Health {
  const { probe, ...times } = value;
  return { ...times, probe: probe && { kind: probeToWire(probe) } };
}

function probeToWire(probe: ModelProbe): NonNullable<wire.Probe['kind']> {
  switch (probe.kind) {
    case 'off':
      return { $case: 'off', value: true };
    case 'command':
      return { $case: 'command', value: { argv: [...probe.argv] } };
    case 'shell':
      return { $case: 'shell', value: probe.line };
    case 'http':
      return { $case: 'http', value: { port: probe.port, path: probe.path } };
    case 'tcp':
      return { $case: 'tcp', value: { port: probe.port } };
    case 'grpc':
      return { $case: 'grpc', value: { port: probe.port, service: probe.service } };
  }
}

/** A probe of a kind that this program does not know yet is left out: the image's own, or none, is used. */
export function healthToModel({ probe, ...times }: wire.Health): HealthSpec {
  const kind = probe?.kind;
  return { ...defined(times), ...(kind && { probe: probeToModel(kind) }) };
}

function probeToModel(kind: NonNullable<wire.Probe['kind']>): ModelProbe {
  switch (kind.$case) {
    case 'off':
      return { kind: 'off' };
    case 'shell':
      return { kind: 'shell', line: kind.value };
    case 'command':
      return { kind: 'command', argv: kind.value.argv };
    case 'http':
      return { kind: 'http', port: kind.value.port, path: kind.value.path };
    case 'tcp':
      return { kind: 'tcp', port: kind.value.port };
    case 'grpc':
      return { kind: 'grpc', port: kind.value.port, service: kind.value.service };
  }
}
