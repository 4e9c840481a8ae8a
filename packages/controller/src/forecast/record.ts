import type { Service } from '@gantry/model/service';
import type { Task } from '@gantry/model/task';
import type { Change, View } from '../store/store.ts';
import { isReady } from './rest.ts';

/** One thing that happens to one service at one moment; equal things at once are one step. */
export interface Step {
  /** Since the beginning, ms. */
  readonly atMs: number;
  /** `stack/service` */
  readonly service: string;
  readonly what: 'start' | 'ready' | 'stop' | 'end' | 'wait' | 'update' | 'removed';
  /** `web.2 on n1`; empty for what is about the service. */
  readonly places: readonly string[];
  /** Why, where that is not plain. */
  readonly words: string;
}

/** What was seen of one service on the way. */
export interface Seen {
  readonly name: string;
  /** Ready tasks before anything was done, the fewest on the way, and now. */
  readonly readyBefore: number;
  readonly lowest: number;
  readonly ready: number;
  /** New tasks by the host they got, names of hosts. */
  readonly placed: ReadonlyMap<string, number>;
  /** Tasks that stopped. */
  readonly stopped: number;
}

interface Counted {
  name: string;
  readyBefore: number;
  lowest: number;
  ready: number;
  readonly placed: Map<string, number>;
  stopped: number;
}

/** Listens to a forecast and keeps what it means for some services. */
export class Recorder {
  readonly steps: Step[] = [];
  /** When something last happened to the services, ms. */
  lastAt = 0;
  readonly #seen = new Map<string, Counted>();
  readonly #wants: (service: Service) => boolean;

  /** `before` is the view as it is; services that come later are taken in when they come. */
  constructor(before: View, wants: (service: Service) => boolean) {
    this.#wants = wants;
    for (const service of before.all('service')) {
      if (!wants(service)) continue;
      const ready = [...before.tasksOfService(service.id)].filter(isReady).length;
      this.#seen.set(service.id, begun(service, ready));
    }
  }

  get seen(): ReadonlyMap<string, Seen> {
    return this.#seen;
  }

  take(change: Change, view: View, atMs: number): void {
    if (change.kind === 'service') this.#service(change.before, change.after, view, atMs);
    if (change.kind !== 'task') return;
    const { before, after } = change;
    const seen = this.#seen.get((after ?? before)?.serviceId ?? '');
    if (!seen) return;
    this.lastAt = atMs;
    seen.ready +=
      Number(after !== undefined && isReady(after)) - Number(before !== undefined && isReady(before));
    seen.lowest = Math.min(seen.lowest, seen.ready);
    if (after) this.#task(seen, before, after, view, atMs);
  }

  #task(seen: Counted, before: Task | undefined, after: Task, view: View, atMs: number): void {
    const place = placeOf(view, after);
    const step = (what: Step['what'], words = ''): void =>
      this.#add({ atMs, service: seen.name, what, places: [place], words });
    if (after.nodeId !== undefined && before?.nodeId === undefined) {
      const node = view.get('node', after.nodeId)?.name ?? after.nodeId;
      seen.placed.set(node, (seen.placed.get(node) ?? 0) + 1);
      step('start');
    }
    if (isReady(after) && !(before && isReady(before))) step('ready');
    if (before?.desired === 'running' && after.desired !== 'running' && !hasEnded(before)) {
      seen.stopped++;
      step('stop');
    }
    if (after.status.state === 'complete' && before?.status.state !== 'complete') step('end');
    const waits = after.status.state === 'pending' && after.status.reason !== before?.status.reason;
    if (waits) step('wait', after.status.reason);
  }

  #service(before: Service | undefined, after: Service | undefined, view: View, atMs: number): void {
    const service = after ?? before;
    if (!service || !this.#wants(service)) return;
    const seen = this.#seen.get(service.id) ?? begun(service, 0);
    this.#seen.set(service.id, seen);
    const say = (what: Step['what'], words: string): void =>
      this.#add({ atMs, service: seen.name, what, places: [], words });
    if (!after) say('removed', '');
    if (after?.waiting !== undefined && after.waiting !== before?.waiting) say('wait', after.waiting);
    const words = after && updateWords(before, after, view);
    if (words !== undefined) say('update', words);
    if (words !== undefined || !after) this.lastAt = atMs;
  }

  /** The same thing at the same moment to one more place is no further step. */
  #add(step: Step): void {
    const at = this.steps.findLastIndex((one) => one.atMs !== step.atMs || sameButPlaces(one, step));
    const known = this.steps[at];
    if (known?.atMs === step.atMs && sameButPlaces(known, step) && step.places.length > 0)
      this.steps[at] = { ...known, places: [...known.places, ...step.places] };
    else this.steps.push(step);
  }
}

function begun({ spec }: Service, ready: number): Counted {
  const name = `${spec.stack}/${spec.name}`;
  return { name, readyBefore: ready, lowest: ready, ready, placed: new Map(), stopped: 0 };
}

function sameButPlaces(a: Step, b: Step): boolean {
  return a.service === b.service && a.what === b.what && a.words === b.words;
}

function hasEnded({ status, nodeId }: Task): boolean {
  return (
    nodeId === undefined || ['complete', 'failed', 'rejected', 'shutdown', 'orphaned'].includes(status.state)
  );
}

function placeOf(view: View, { serviceId, slot, nodeId, only }: Task): string {
  const name = view.get('service', serviceId)?.spec.name ?? serviceId;
  const node = view.get('node', nodeId ?? only ?? '')?.name;
  return `${slot === 0 ? name : `${name}.${slot}`}${node === undefined ? '' : ` on ${node}`}`;
}

/** What of the way to a revision has changed, in words. */
function updateWords(before: Service | undefined, { update }: Service, view: View): string | undefined {
  const was = before?.update;
  if (!update || (was?.state === update.state && was.back === update.back && was.to === update.to))
    return undefined;
  const number = (id: string | undefined): string => String(view.get('revision', id ?? '')?.number ?? '?');
  if (update.state === 'paused') return `update paused: ${update.reason}`;
  if (update.back)
    return update.state === 'done'
      ? `revision ${number(update.stable)} runs again`
      : `rolls back to revision ${number(update.stable)}: ${update.reason}`;
  return update.state === 'done'
    ? `revision ${number(update.to)} runs`
    : `goes to revision ${number(update.to)}`;
}
