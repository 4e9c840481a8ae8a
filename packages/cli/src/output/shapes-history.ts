import type { RevisionView, RunView } from '@gantry/proto/gen/gantry/v1/control';
import type { Shape } from './output.ts';
import { printable } from './table.ts';
import { age } from './units.ts';

export function revisionShape(now: number): Shape<RevisionView> {
  return {
    header: ['REVISION', 'AGE', 'IMAGE', 'CAUSE', 'NOTE'],
    row: (revision) => [
      String(revision.number),
      age(revision.createdAt, now),
      revision.image?.ref ?? '',
      revision.cause,
      noteOf(revision),
    ],
    wideHeader: ['DIGEST', 'ID'],
    wideRow: ({ image, id }) => [image?.digest ?? '', id],
    name: ({ number }) => String(number),
    empty: 'no revisions',
  };
}

function noteOf({ asked, running }: RevisionView): string {
  if (asked) return running ? 'current' : 'asked for, and failed';
  return running ? 'runs' : '';
}

export function runShape(now: number): Shape<RunView> {
  return {
    header: ['RUN', 'STATE', 'REVISION', 'STARTED', 'TOOK', 'SUCCEEDED', 'FAILED', 'REASON'],
    row: (run) => [
      String(run.number),
      run.state,
      String(run.revision),
      run.startedAt === undefined ? '-' : age(run.startedAt, now),
      took(run, now),
      String(run.succeeded),
      String(run.failed),
      printable(run.reason),
    ],
    name: ({ number }) => String(number),
    empty: 'no runs',
  };
}

function took({ startedAt, endedAt }: RunView, now: number): string {
  return startedAt === undefined ? '-' : age(startedAt, endedAt ?? now);
}
