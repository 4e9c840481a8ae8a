import type { Node } from 'yaml';
import type { Dependency } from '@gantry/model/dependency';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { texts, word } from './values.ts';

const conditions = ['service_started', 'service_healthy', 'service_completed_successfully'] as const;

/** `depends_on`, a list or a map, and `needs` of a job: jobs that must have ended well. */
export function readDependsOn(
  doc: ComposeDocument,
  node: Node | undefined,
  job: Node | undefined,
): readonly Dependency[] | undefined {
  const given = doc.get(node, 'depends_on');
  const needs = texts(doc, doc.get(job, 'needs'), 'needs').map((service): Dependency => ({
    service,
    condition: 'service_completed_successfully',
    required: true,
  }));
  const all = [...(doc.isList(given) ? shortForm(doc, given) : longForm(doc, given)), ...needs];
  const named = new Map(all.map((dependency) => [dependency.service, dependency]));
  return named.size === 0 ? undefined : [...named.values()];
}

function shortForm(doc: ComposeDocument, node: Node | undefined): readonly Dependency[] {
  return texts(doc, node, 'depends_on').map((service) => ({
    service,
    condition: 'service_started',
    required: true,
  }));
}

function longForm(doc: ComposeDocument, node: Node | undefined): readonly Dependency[] {
  return doc.entries(node, 'depends_on').map(({ key, value }) => {
    checkKeys(doc, value, 'depends_on', `depends_on ${key}`);
    return {
      service: key,
      condition: word(doc, doc.get(value, 'condition'), 'condition', conditions) ?? 'service_started',
      required: doc.boolean(doc.get(value, 'required'), 'required') ?? true,
    };
  });
}
