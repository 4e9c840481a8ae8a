import type { Phase, PhaseService, Simulated } from '@gantry/sim/simulate';
import { seconds, shortened, stepLines } from './plan.ts';
import { printable, table } from './table.ts';

/** Steps of one phase that are shown. */
const mostSteps = 40;

/** What happened to the file on hosts that do not exist: a block for what was done to it, each. */
export function showSimulated({ phases, broken }: Simulated): string {
  const blocks = phases.map(phaseBlock);
  if (broken !== undefined) blocks.push(`error: ${printable(broken)}\n`);
  return blocks.join('\n');
}

function phaseBlock({ what, atMs, lastedMs, steps, services }: Phase): string {
  const head = what === 'apply' ? 'the file is applied' : `${what} after ${seconds(atMs)}`;
  const all = together(steps);
  const shown = stepLines(all.slice(0, mostSteps));
  const more = all.length > mostSteps ? [`  and ${all.length - mostSteps} steps more`] : [];
  const how =
    lastedMs === undefined ? 'it does not come to rest' : `all is as it should be after ${seconds(lastedMs)}`;
  const header = ['  SERVICE', 'READY', 'LOWEST', 'NEW TASKS'];
  const rows = services.map((one) => [
    `  ${one.name}`,
    `${one.ready}/${one.desired}`,
    String(one.lowest),
    placesOf(one),
  ]);
  const unplaced = services.flatMap(({ name, unplaced: count, reason }) =>
    count === 0 ? [] : [`  ! ${name}: ${count} without a host: ${printable(reason)}`],
  );
  return [`${head}:`, ...shown, ...more, ...table(header, rows), ...unplaced, how]
    .map((line) => `${line}\n`)
    .join('');
}

/** What happens to several places within half a second is one line. */
function together(steps: Phase['steps']): Phase['steps'] {
  const lines = new Map<string, Phase['steps'][number]>();
  for (const step of steps) {
    const atMs = Math.floor(step.atMs / 500) * 500;
    const key = JSON.stringify([atMs, step.service, step.what, step.words]);
    const known = lines.get(key);
    lines.set(key, { ...step, atMs, places: [...(known?.places ?? []), ...step.places] });
  }
  return [...lines.values()];
}

function placesOf({ placed }: PhaseService): string {
  if (placed.length === 0) return '-';
  const tasks = placed.reduce((sum, one) => sum + one.tasks, 0);
  return `${tasks}: ${shortened(placed.map((one) => (one.tasks === 1 ? one.node : `${one.node} ×${one.tasks}`)))}`;
}
