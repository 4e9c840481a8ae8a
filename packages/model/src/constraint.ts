import type { Node } from './node.ts';

/** One parsed rule over a node: `node.labels.disk==ssd`. */
export interface Constraint {
  readonly attribute: string;
  readonly operator: Operator;
  /** What it is compared with; several for `in`, none for `exists`. */
  readonly values: readonly string[];
}

export type Operator = '==' | '!=' | '<' | '>' | '~' | 'in' | 'not in' | 'exists' | 'not exists';

const pattern =
  /^\s*([a-z]+\.[a-z]+(?:\.[A-Za-z0-9._/-]+)?)\s*(==|!=|<|>|~|\bnot in\b|\bin\b|\bnot exists\b|\bexists\b)\s*(.*?)\s*$/;
const attributes = [
  'node.id',
  'node.hostname',
  'node.role',
  'node.platform.os',
  'node.platform.arch',
  'node.cpus',
  'node.memory',
];

/** The constraint a text means, or a sentence why it means none. */
export function parseConstraint(text: string): Constraint | string {
  const match = pattern.exec(text);
  const [, attribute = '', operator = '', rest = ''] = match ?? [];
  const needsValue = !operator.endsWith('exists');
  if (!match || (rest !== '') !== needsValue) return `"${text}" is not a constraint; ${examples}`;
  if (!attribute.startsWith('node.labels.') && !attributes.includes(attribute)) {
    return `"${attribute}" is not known; use node.labels.NAME, ${attributes.join(', ')}`;
  }
  const values = operator.endsWith('in') ? listed(rest) : needsValue ? [rest] : [];
  if (needsValue && values.length === 0) return `"${text}" names no value; ${examples}`;
  if ((operator === '<' || operator === '>') && !isNumber(rest))
    return `"${text}" compares with "${rest}", which is not a number`;
  return { attribute, operator: operator as Operator, values };
}

const examples =
  'write e.g. node.labels.disk==ssd or node.hostname!=n3; also <, >, in (a, b), ~web-*, exists';

/** True if the node meets the constraint. A label that is absent equals nothing and is neither more nor less. */
export function meets(node: Node, { attribute, operator, values }: Constraint): boolean {
  const value = valueOf(node, attribute);
  const [wanted = ''] = values;
  switch (operator) {
    case '==':
      return value === wanted;
    case '!=':
      return value !== wanted;
    case '<':
      return value !== undefined && isNumber(value) && Number(value) < Number(wanted);
    case '>':
      return value !== undefined && isNumber(value) && Number(value) > Number(wanted);
    case '~':
      return value !== undefined && matches(value, wanted);
    case 'in':
      return value !== undefined && values.includes(value);
    case 'not in':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'not exists':
      return value === undefined;
  }
}

/** What the node has for an attribute. */
export function valueOf(node: Node, attribute: string): string | undefined {
  switch (attribute) {
    case 'node.id':
      return node.id;
    case 'node.hostname':
      return node.name;
    case 'node.role':
      return 'worker';
    case 'node.platform.os':
      return node.description.os;
    case 'node.platform.arch':
      return node.description.arch;
    case 'node.cpus':
      return String(node.description.cpuMillis / 1_000);
    case 'node.memory':
      return String(node.description.memoryBytes);
    default:
      return node.labels[attribute.slice('node.labels.'.length)];
  }
}

function listed(text: string): readonly string[] {
  const inner = text.startsWith('(') && text.endsWith(')') ? text.slice(1, -1) : text;
  return inner
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

/** `*` stands for any characters, `?` for one. Walks back to the last `*` only, so that no pattern is slow. */
function matches(text: string, glob: string): boolean {
  let [at, from, star, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    if (glob[from] === '*') {
      [star, resume] = [from++, at];
    } else if (from < glob.length && (glob[from] === '?' || glob[from] === text[at])) {
      at++;
      from++;
    } else if (star >= 0) {
      [from, at] = [star + 1, ++resume];
    } else return false;
  }
  while (glob[from] === '*') from++;
  return from === glob.length;
}
