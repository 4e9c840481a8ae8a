import type { Node } from 'yaml';
import { defaultRestart, type RestartPolicy } from '@gantry/model/service';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined } from './units.ts';
import { duration, whole, word } from './values.ts';

const conditions = ['none', 'on-failure', 'any'] as const;
const words = ['no', 'always', 'on-failure', 'unless-stopped'] as const;

/** `deploy.restart_policy` if it is there, else `restart:`, else the product's default. */
export function readRestart(doc: ComposeDocument, node: Node | undefined): RestartPolicy {
  const policy = doc.get(node, 'deploy', 'restart_policy');
  const short = shortRestart(doc, doc.get(node, 'restart'));
  if (policy === undefined) return short;
  checkKeys(doc, policy, 'deploy.restart_policy', 'deploy.restart_policy');
  const delayMs = duration(doc, doc.get(policy, 'delay'), 'delay');
  return {
    ...defaultRestart,
    ...defined({
      condition: word(doc, doc.get(policy, 'condition'), 'condition', conditions),
      delayMs,
      maxAttempts: whole(doc, doc.get(policy, 'max_attempts'), 'max_attempts'),
      windowMs: duration(doc, doc.get(policy, 'window'), 'window'),
    }),
    maxDelayMs: Math.max(defaultRestart.maxDelayMs, delayMs ?? 0),
  };
}

/** `restart: always`, `on-failure:3`, `"no"` … */
function shortRestart(doc: ComposeDocument, node: Node | undefined): RestartPolicy {
  const text = doc.text(node, 'restart');
  if (text === undefined) return defaultRestart;
  const [, name = '', attempts] = /^([^:]*)(?::(\d+))?$/.exec(text) ?? [];
  const known = words.find((one) => one === name);
  if (known === undefined || (attempts !== undefined && known !== 'on-failure')) {
    doc.problem(node, `restart "${text}" is not known`, `use ${words.join(', ')} or on-failure:NUMBER`);
    return defaultRestart;
  }
  if (known === 'no') return { ...defaultRestart, condition: 'none' };
  if (known !== 'on-failure') return defaultRestart;
  const maxAttempts = attempts === undefined ? undefined : Number(attempts);
  return { ...defaultRestart, condition: 'on-failure', ...defined({ maxAttempts }) };
}
