import type { PlannedService, PlanLoss, PlanResponse, PlanStep } from '@gantry/proto/gen/gantry/v1/plan';
import { showDifferences } from './differences.ts';
import { printable, table } from './table.ts';

/** Places named in one line; of more, the number is said. */
const mostPlaces = 6;

/** A plan as people read it: what changes, what follows, what one lost host would mean, and how it ends. */
export function showPlan(plan: PlanResponse): string {
  const changed = plan.services.filter(({ change }) => change !== 'unchanged');
  const same = plan.services.length - changed.length;
  const parts = [
    changed.map(serviceBlock).join(''),
    same > 0 ? `${same} unchanged\n` : '',
    stepsBlock(plan),
    lossesBlock(plan.losses),
    `${printable(plan.outcome)}\n`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function serviceBlock(service: PlannedService): string {
  const { name, change, fields, replacesTasks } = service;
  const how =
    change !== 'updated'
      ? ''
      : replacesTasks
        ? ': its tasks are replaced'
        : ': in place, no task is replaced';
  const found = fields.map(({ path, before, after }) => ({
    path: printable(path),
    ...(before !== undefined && { before: printable(before) }),
    ...(after !== undefined && { after: printable(after) }),
  }));
  const lines = [
    `${name} ${change}${how}`,
    ...indented(showDifferences(found, 'table')),
    ...tasksLines(service),
  ];
  return `${lines.join('\n')}\n`;
}

function indented(text: string): readonly string[] {
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`);
}

function tasksLines({
  placed,
  stopped,
  readyBefore,
  readyLowest,
  readyAfter,
  reason,
}: PlannedService): readonly string[] {
  const made = placed.reduce((sum, { tasks }) => sum + tasks, 0);
  const hosts = placed.map(({ node, tasks }) => (tasks === 1 ? node : `${node} ×${tasks}`));
  return [
    ...(made > 0 ? [`  ${made} new ${made === 1 ? 'task' : 'tasks'}: ${shortened(hosts)}`] : []),
    ...(stopped > 0 ? [`  ${stopped} ${stopped === 1 ? 'task stops' : 'tasks stop'}`] : []),
    `  ready: ${readyBefore} now, ${readyLowest} at the lowest, ${readyAfter} in the end`,
    ...(reason === '' ? [] : [`  ! ${printable(reason)}`]),
  ];
}

function stepsBlock({ steps, moreSteps }: PlanResponse): string {
  if (steps.length === 0) return '';
  const more = moreSteps > 0 ? [`  and ${moreSteps} steps more`] : [];
  return `steps, by guesses at how long a start takes:\n${[...stepLines(steps), ...more].join('\n')}\n`;
}

/** What a step of a forecast or a simulation has in common. */
type Told = Pick<PlanStep, 'atMs' | 'service' | 'what' | 'words'> & { readonly places: readonly string[] };

/** A line for each step. */
export function stepLines(steps: readonly Told[]): readonly string[] {
  const rows = steps.map((step) => [`  +${seconds(step.atMs)}`, step.service, wordsOf(step)]);
  return table(['', '', ''], rows).slice(1);
}

/** Of one place, and of many. */
const verbs: Readonly<Record<string, readonly [one: string, many: string]>> = {
  start: ['starts', 'start'],
  ready: ['is ready', 'are ready'],
  stop: ['stops', 'stop'],
  end: ['ends well', 'end well'],
  wait: ['waits', 'wait'],
  update: ['', ''],
  removed: ['is gone', 'are gone'],
};

function wordsOf({ what, places, words }: Told): string {
  const verb = verbs[what]?.[places.length > 1 ? 1 : 0] ?? what;
  const who = places.length === 0 ? '' : shortened(places);
  const said = [who, verb].filter((word) => word !== '').join(' ');
  return [said, words].filter((word) => word !== '').join(': ');
}

function lossesBlock(losses: readonly PlanLoss[]): string {
  if (losses.length === 0) return '';
  const lines = losses.flatMap(({ node, unfit }) =>
    unfit.map(
      ({ service, tasks, reason }) =>
        `  ${node}: ${tasks} ${tasks === 1 ? 'task' : 'tasks'} of ${service} would have no place: ${printable(reason)}`,
    ),
  );
  return `if one host died:\n${lines.join('\n')}\n`;
}

export function shortened(names: readonly string[]): string {
  const more = names.length - mostPlaces;
  return `${names.slice(0, mostPlaces).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function seconds(ms: number): string {
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1).replace('.0', '')}s` : `${Math.round(ms / 60_000)}m`;
}
