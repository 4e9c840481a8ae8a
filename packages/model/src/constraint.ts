import type { Node } from './node.ts';

/** One parsed rule over a node: `node.labels.disk==ssd`. */
export interface Constraint {
  readonly attribute: string;
  readonly equal: boolean;
  readonly value: string;
}

const pattern = /^\s*(node\.[a-z]+(?:\.[A-Za-z0-9._/-]+)?)\s*(==|!=)\s*(.+?)\s*$/;
const attributes = ['node.id', 'node.hostname', 'node.role', 'node.platform.os', 'node.platform.arch'];

/** The constraint a text means, or a sentence why it means none. */
export function parseConstraint(text: string): Constraint | string {
  const match = pattern.exec(text);
  const [, attribute = '', operator, value = ''] = match ?? [];
  if (!match) return `"${text}" is not a constraint; write e.g. node.labels.disk==ssd or node.hostname!=n3`;
  if (!attribute.startsWith('node.labels.') && !attributes.includes(attribute)) {
    return `"${attribute}" is not known; use node.labels.NAME, ${attributes.join(', ')}`;
  }
  return { attribute, equal: operator === '==', value };
}

/** True if the node meets the constraint. A label that is absent equals nothing. */
export function meets(node: Node, constraint: Constraint): boolean {
  return (valueOf(node, constraint.attribute) === constraint.value) === constraint.equal;
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
    default:
      return node.labels[attribute.slice('node.labels.'.length)];
  }
}
