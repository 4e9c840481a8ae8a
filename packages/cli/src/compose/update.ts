import type { Node } from 'yaml';
import type { ServiceSpec } from '@gantry/model/service';
import { defaultRollback, defaultUpdate, type UpdatePolicy } from '@gantry/model/update';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined } from './units.ts';
import { duration, ratio, whole, word } from './values.ts';

const orders = ['auto', 'start-first', 'stop-first'] as const;
const actions = ['rollback', 'pause', 'continue'] as const;

/** `deploy.update_config` and `rollback_config`; `x-gantry.update` (or `update` in gantry.yaml) adds to them and wins. */
export function readUpdates(
  doc: ComposeDocument,
  node: Node | undefined,
  sugar: boolean,
): Pick<ServiceSpec, 'update' | 'rollback' | 'availability'> {
  const deploy = doc.get(node, 'deploy');
  const extras = doc.get(node, 'x-gantry');
  const extra = (key: string): readonly (Node | undefined)[] => [
    doc.get(extras, key),
    sugar ? doc.get(node, key) : undefined,
  ];
  const availabilities = ['prefer-one', 'prefer-available'] as const;
  const [availability] = extra('availability').flatMap(
    (at) => word(doc, at, 'availability', availabilities) ?? [],
  );
  return defined({
    update: readPolicy(doc, [doc.get(deploy, 'update_config'), ...extra('update')], defaultUpdate),
    rollback: readPolicy(doc, [doc.get(deploy, 'rollback_config'), ...extra('rollback')], defaultRollback),
    availability,
  });
}

/** What the later of the maps say wins. None there: undefined. */
function readPolicy(
  doc: ComposeDocument,
  maps: readonly (Node | undefined)[],
  base: UpdatePolicy,
): UpdatePolicy | undefined {
  const given = maps.filter((map) => map !== undefined);
  if (given.length === 0) return undefined;
  return given.reduce<UpdatePolicy>((policy, map) => ({ ...policy, ...readMap(doc, map) }), base);
}

function readMap(doc: ComposeDocument, map: Node): Partial<UpdatePolicy> {
  checkKeys(doc, map, 'deploy.update_config', 'update_config');
  const get = (key: string): Node | undefined => doc.get(map, key);
  const action = (key: string): UpdatePolicy['failureAction'] | undefined =>
    word(doc, get(key), key, actions);
  return defined({
    parallelism: whole(doc, get('parallelism'), 'parallelism'),
    delayMs: duration(doc, get('delay'), 'delay'),
    order: word(doc, get('order'), 'order', orders),
    monitorMs: duration(doc, get('monitor'), 'monitor'),
    maxFailureRatio: ratio(doc, get('max_failure_ratio'), 'max_failure_ratio'),
    failureAction: action('failure_action') ?? action('on_failure'),
    deadlineMs: duration(doc, get('deadline'), 'deadline'),
  });
}
