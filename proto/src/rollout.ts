import type { Dependency } from '@gantry/model/dependency';
import type { JobSpec } from '@gantry/model/job';
import type { ServiceSpec } from '@gantry/model/service';
import type { UpdatePolicy } from '@gantry/model/update';
import { defined } from './defined.ts';
import type * as wire from './gen/gantry/v1/types.ts';
import { word } from './words.ts';

/** How a service changes over time: the parts of a spec about updates, jobs and the order of services, both ways. */
type Parts = Pick<ServiceSpec, 'update' | 'rollback' | 'job' | 'dependsOn' | 'availability'>;
type WireParts = Pick<wire.ServiceSpec, 'update' | 'rollback' | 'job' | 'dependsOn' | 'availability'>;

export function rolloutToWire({ update, rollback, job, dependsOn, availability }: Parts): WireParts {
  return {
    update: update && { ...update },
    rollback: rollback && { ...rollback },
    job: job && { ...job },
    dependsOn: (dependsOn ?? []).map((dependency) => ({ ...dependency })),
    availability,
  };
}

export function rolloutToModel({ update, rollback, job, dependsOn, availability }: WireParts): Parts {
  return defined({
    update: update && policy('update', update),
    rollback: rollback && policy('rollback', rollback),
    job: job && jobSpec(job),
    dependsOn: dependsOn.length === 0 ? undefined : dependsOn.map(dependency),
    availability:
      availability === undefined
        ? undefined
        : word('service.availability', availability, ['prefer-one', 'prefer-available']),
  });
}

function policy(field: string, value: wire.UpdatePolicy): UpdatePolicy {
  return {
    ...value,
    order: word(`${field}.order`, value.order, ['auto', 'start-first', 'stop-first']),
    failureAction: word(`${field}.failure_action`, value.failureAction, ['rollback', 'pause', 'continue']),
  };
}

function jobSpec(value: wire.Job): JobSpec {
  const { deadlineMs, ttlMs, schedule, group } = value;
  return {
    ...defined({ deadlineMs, ttlMs, schedule, group }),
    parallelism: value.parallelism,
    retries: value.retries,
    timeZone: value.timeZone,
    overlap: word('job.overlap', value.overlap, ['skip', 'queue', 'replace']),
    missed: word('job.missed', value.missed, ['run-once', 'skip']),
  };
}

function dependency(value: wire.Dependency): Dependency {
  return {
    service: value.service,
    condition: word('depends_on.condition', value.condition, [
      'service_started',
      'service_healthy',
      'service_completed_successfully',
    ]),
    required: value.required,
  };
}
