import type { DescribeResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { ServiceSpec } from '@gantry/proto/gen/gantry/v1/types';
import { specDifferences } from '@gantry/model/spec-differences';
import * as toModel from '@gantry/proto/to-model';
import type { Paint } from './paint.ts';
import type { Shape } from './output.ts';
import { nodeShape, serviceShape, taskShape } from './shapes.ts';
import { revisionShape, runShape } from './shapes-history.ts';
import { printable, table } from './table.ts';
import { showWhy } from './why.ts';

/** Everything about one service, task or host, in blocks: why, what, where, and what was before. */
export function showDescription(all: DescribeResponse, now: number, paint: Paint): string {
  const { kind, why, service, spec, tasks, revisions, runs, node } = all;
  const blocks = [
    why ? showWhy({ ...why, timeline: [] }, now, paint) : '',
    service ? block('service', [service], serviceShape(now), paint) : '',
    spec ? fields(kind === 'task' ? 'runs' : 'spec', spec, paint) : '',
    node ? block('host', [node], nodeShape, paint) : '',
    block('tasks', tasks, taskShape(now), paint),
    block('revisions', revisions, revisionShape(now, revisions), paint),
    block('runs of the job', runs, runShape(now), paint),
    why && why.timeline.length > 0 ? `${paint('bold', 'what happened')}\n${past(why.timeline, now)}` : '',
  ];
  return blocks.filter((text) => text !== '').join('\n');
}

function block<T>(title: string, items: readonly T[], shape: Shape<T>, paint: Paint): string {
  if (items.length === 0) return '';
  const wide = (item: T): readonly string[] => [...shape.row(item), ...(shape.wideRow?.(item) ?? [])];
  const lines = table([...shape.header, ...(shape.wideHeader ?? [])], items.map(wide));
  return `${paint('bold', title)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Every field that is set, by its path; secrets are not shown. */
function fields(title: string, spec: ServiceSpec, paint: Paint): string {
  const set = specDifferences(undefined, toModel.serviceSpec(spec)).filter(
    ({ after }) => after !== '' && after !== 'false',
  );
  const lines = set.map(({ path, after = '' }) => `  ${printable(path)}: ${printable(after)}\n`);
  return `${paint('bold', title)}\n${lines.join('')}`;
}

function past(timeline: readonly { at: number; about: string; what: string }[], now: number): string {
  const why = { about: '', answer: '', also: [], details: [], fixes: [], timeline: [...timeline] };
  return showWhy(why, now, (_, text) => text).slice(1);
}
