import type { Node } from 'yaml';
import { defaultJob, type JobSpec } from '@gantry/model/job';
import type { RestartPolicy } from '@gantry/model/service';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined } from './units.ts';
import { duration, whole, word } from './values.ts';

/** The map of a job: `x-gantry.job`, or `job` in gantry.yaml. */
export function jobMap(doc: ComposeDocument, node: Node | undefined, sugar: boolean): Node | undefined {
  return doc.get(node, 'x-gantry', 'job') ?? (sugar ? doc.get(node, 'job') : undefined);
}

/** A job by `deploy.mode` (`replicated-job`, `global-job`) or by its map; undefined for a service that stays up. */
export function readJob(
  doc: ComposeDocument,
  node: Node | undefined,
  sugar: boolean,
  restart: RestartPolicy,
): JobSpec | undefined {
  const map = jobMap(doc, node, sugar);
  const mode = doc.text(doc.get(node, 'deploy', 'mode'), 'deploy.mode');
  if (map === undefined && mode?.endsWith('-job') !== true) return undefined;
  checkKeys(doc, map, 'x-gantry.job', 'job');
  const get = (key: string): Node | undefined => doc.get(map, key);
  const text = (key: string): string | undefined => doc.text(get(key), key);
  return {
    ...defaultJob,
    ...defined({
      parallelism: whole(doc, get('parallelism'), 'parallelism'),
      retries: whole(doc, get('retries'), 'retries') ?? retriesOf(restart),
      deadlineMs: duration(doc, get('deadline'), 'deadline'),
      ttlMs: duration(doc, get('ttl'), 'ttl'),
      schedule: text('schedule'),
      timeZone: text('time_zone'),
      overlap: word(doc, get('overlap'), 'overlap', ['skip', 'queue', 'replace'] as const),
      missed: word(doc, get('missed'), 'missed', ['run-once', 'skip'] as const),
      group: text('group'),
    }),
  };
}

/** Docker's way to say it: `restart_policy` with `max_attempts`, or never. */
function retriesOf({ condition, maxAttempts }: RestartPolicy): number | undefined {
  return condition === 'none' ? 0 : maxAttempts;
}
