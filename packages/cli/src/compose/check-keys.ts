import type { Node } from 'yaml';
import type { ComposeDocument } from './document.ts';
import { keyPolicy, keysOf, type Section } from './keys.ts';
import { suggestion } from './suggest.ts';

/** Says what becomes of every key of a map that is not simply honoured. `extra` keys are honoured here, too. */
export function checkKeys(
  doc: ComposeDocument,
  node: Node | undefined,
  section: Section,
  what: string,
  extra: readonly string[] = [],
): void {
  for (const { key, keyNode } of doc.entries(node, what)) {
    if (extra.includes(key)) continue;
    const policy = keyPolicy(section, key);
    if (policy?.kind === 'refused')
      doc.problem(keyNode, `${key} is not supported${policy.yet ? ' yet' : ''}`, policy.instead);
    else if (policy?.kind === 'noticed') doc.notice(keyNode, `${key}: ${policy.notice}`);
    else if (!policy) {
      const meant = suggestion(key, [...keysOf(section), ...extra], section === 'service');
      const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
      doc.problem(keyNode, `unknown key "${key}"`, hint);
    }
  }
}
