import type { RevisionView, RunView } from '@gantry/proto/gen/gantry/v1/control';
import { contentChanges } from '@gantry/model/spec-differences';
import type { Shape } from './output.ts';
import { printable } from './table.ts';
import { age } from './units.ts';

/** `all`: the newest first; each is told with what of its configs and secrets is other than in the one before. */
export function revisionShape(now: number, all: readonly RevisionView[]): Shape<RevisionView> {
  return {
    header: ['REVISION', 'AGE', 'IMAGE', 'CAUSE', 'NOTE'],
    row: (revision) => [
      String(revision.number),
      age(revision.createdAt, now),
      revision.image?.ref ?? '',
      revision.cause,
      [noteOf(revision), ...changesOf(revision, all)].filter((words) => words !== '').join('; '),
    ],
    wideHeader: ['DIGEST', 'ID'],
    wideRow: ({ image, id }) => [image?.digest ?? '', id],
    name: ({ number }) => String(number),
    empty: 'no revisions',
  };
}

function changesOf(revision: RevisionView, all: readonly RevisionView[]): readonly string[] {
  const before = all[all.indexOf(revision) + 1];
  return before?.spec && revision.spec ? contentChanges(before.spec, revision.spec) : [];
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
