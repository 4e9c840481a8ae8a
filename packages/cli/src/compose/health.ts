import type { Node } from 'yaml';
import type { HealthSpec } from '@gantry/model/health';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined } from './units.ts';
import { duration, texts, whole } from './values.ts';

const sugarKeys = ['http', 'tcp', 'grpc'] as const;
type Probe = NonNullable<HealthSpec['probe']>;

/**
 * `healthcheck:` as Compose has it; `http: ":8080/healthz"`, `tcp: ":5432"` and `grpc: ":9000/service"` in `gantry.yaml`,
 * or below `x-gantry: { healthcheck: … }`. Undefined if the service says nothing.
 */
export function readHealth(
  doc: ComposeDocument,
  service: Node | undefined,
  sugar: boolean,
): HealthSpec | undefined {
  const node = doc.get(service, 'healthcheck');
  const extra = doc.get(service, 'x-gantry', 'healthcheck');
  if (node === undefined && extra === undefined) return undefined;
  checkKeys(doc, node, 'healthcheck', 'healthcheck', sugar ? sugarKeys : []);
  checkKeys(doc, extra, 'healthcheck', 'x-gantry.healthcheck', sugarKeys);
  const get = (key: string): Node | undefined => doc.get(extra, key) ?? doc.get(node, key);
  const probes = [
    ...(['http', 'tcp', 'grpc'] as const).flatMap((kind) => {
      const at = doc.get(extra, kind) ?? (sugar ? doc.get(node, kind) : undefined);
      return at === undefined ? [] : [{ at, probe: readNetProbe(doc, at, kind) }];
    }),
    ...[get('test')].flatMap((at) => (at === undefined ? [] : [{ at, probe: readTest(doc, at) }])),
  ];
  if (probes[1]) doc.problem(probes[1].at, 'a service has one health check', 'leave one of them out');
  const disabled = doc.boolean(get('disable'), 'disable') ?? false;
  const probe: Probe | undefined = disabled ? { kind: 'off' } : probes[0]?.probe;
  return defined({
    probe,
    intervalMs: duration(doc, get('interval'), 'interval'),
    timeoutMs: duration(doc, get('timeout'), 'timeout'),
    retries: whole(doc, get('retries'), 'retries'),
    startPeriodMs: duration(doc, get('start_period'), 'start_period'),
    startIntervalMs: duration(doc, get('start_interval'), 'start_interval'),
  });
}

/** `test: curl -f …`, `["CMD", …]`, `["CMD-SHELL", line]` or `["NONE"]`. */
function readTest(doc: ComposeDocument, node: Node): Probe | undefined {
  if (!doc.isList(node)) {
    const line = doc.text(node, 'test');
    return line === undefined ? undefined : line === 'NONE' ? { kind: 'off' } : { kind: 'shell', line };
  }
  const [kind, ...argv] = texts(doc, node, 'test');
  if (kind === 'NONE') return { kind: 'off' };
  if (kind === 'CMD') return { kind: 'command', argv };
  if (kind === 'CMD-SHELL') return { kind: 'shell', line: argv.join(' ') };
  doc.problem(
    node,
    'the list of a test begins with CMD, CMD-SHELL or NONE',
    'write e.g. ["CMD", "/bin/check"]',
  );
  return undefined;
}

/** `:8080/healthz`, `:8080`, `8080`; behind the port of grpc stands the name of a service. */
function readNetProbe(doc: ComposeDocument, node: Node, kind: (typeof sugarKeys)[number]): Probe | undefined {
  const text = doc.text(node, kind) ?? '';
  const [, digits, rest = ''] = /^:?(\d{1,5})(\/\S*)?$/.exec(text) ?? [];
  if (digits === undefined || (kind === 'tcp' && rest !== '')) {
    const example = { http: ':8080/healthz', tcp: ':5432', grpc: ':9000' }[kind];
    doc.problem(node, `${kind} "${text}" is not understood`, `write e.g. ${kind}: "${example}"`);
    return undefined;
  }
  const port = Number(digits);
  if (kind === 'http') return { kind, port, path: rest === '' ? '/' : rest };
  return kind === 'grpc' ? { kind, port, service: rest.slice(1) } : { kind, port };
}
