import type { Task } from '@gantry/model/task';
import { isTerminal } from '@gantry/model/task';
import type { ApplyRequest, ControlServer } from '@gantry/proto/gen/gantry/v1/control';
import type { PlanRequest } from '@gantry/proto/gen/gantry/v1/plan';
import * as toModel from '@gantry/proto/to-model';
import type { ImageStore } from '../images/image-store.ts';
import type { RelayHub } from '../relay/relay-hub.ts';
import type { Store, View } from '../store/store.ts';
import type { UsageBoard } from '../telemetry/usage-board.ts';
import { Apply, type ApplyDeps, type Wanted } from './apply.ts';
import { contentCalls, givenOf } from './content-calls.ts';
import { unary } from './errors.ts';
import { execIn } from './exec.ts';
import { imageCalls } from './images.ts';
import { logs } from './logs.ts';
import { describe, why } from './explain.ts';
import { historyOf } from './history.ts';
import { fullName, serviceNamed, servicesNamed } from './names.ts';
import { Nodes } from './nodes.ts';
import { plan, type PlanDeps } from './plan.ts';
import { rebalanceTasks } from './rebalance.ts';
import { Rollouts } from './rollouts.ts';
import { usageOf } from './usage.ts';
import { nodeView, serviceView, taskView } from './views.ts';
import { volumeCalls } from './volumes.ts';
import { watch } from './watch.ts';

export interface ControlDeps extends Omit<ApplyDeps, 'images'>, PlanDeps {
  readonly store: Store;
  readonly images: ImageStore;
  readonly relay: RelayHub;
  readonly usage: Pick<UsageBoard, 'current'>;
  readonly version: string;
  /** Time without contact after which a host stops tasks that must never run twice, ms. */
  readonly fenceMs: number;
}

/** The users' door: every call of `control.proto`. */
export function controlService(deps: ControlDeps): ControlServer {
  const apply = new Apply(deps);
  const rollouts = new Rollouts(deps);
  const nodes = new Nodes(deps);
  const view = (): View => deps.store.view();
  return {
    info: unary(() => ({ version: deps.version, clusterId: '' })),
    apply: unary(async (request) => ({
      services: [...(await apply.apply(wantedOf(request), request.ifUnchanged))],
    })),
    plan: unary((request) => plan(deps, apply, wantedOf(request))),
    rebalance: unary((request) => rebalanceTasks(deps, request)),
    why: unary(({ name }) => why(deps, name)),
    describe: unary(({ name }) => describe(deps, name)),
    removeServices: unary(async ({ names }) => ({ services: [...(await apply.removeServices(names))] })),
    scale: unary(async ({ name, replicas }) => ({ service: await apply.scale(name, replicas) })),
    rollback: unary(({ name, to }) => rollouts.rollback(name, to)),
    restart: unary(async ({ names }) => ({ services: [...(await rollouts.restart(names))] })),
    hold: unary(async ({ names, paused }) => ({ services: [...(await rollouts.hold(names, paused))] })),
    history: unary(({ name }) => historyOf(view(), serviceNamed(view(), name))),
    setNode: unary(async ({ names, availability }) => ({
      nodes: (await nodes.setAvailability(names, availability)).map((node) => nodeView(view(), node)),
    })),
    labelNode: unary(async ({ name, set, unset }) => {
      const node = await nodes.label(name, set, unset);
      return { node: node && nodeView(view(), node) };
    }),
    rotateKey: unary(async ({ name }) => {
      const node = await nodes.rotateKey(name);
      return { node: node && nodeView(view(), node) };
    }),
    removeNode: unary(async ({ name, force }) => {
      await nodes.remove(name, force);
      return {};
    }),
    listServices: unary(({ stack }) => {
      const services = [...view().all('service')].filter(
        ({ spec }) => stack === undefined || spec.stack === stack,
      );
      services.sort((a, b) => (fullName(a) < fullName(b) ? -1 : 1));
      return { services: services.map((service) => serviceView(view(), service)) };
    }),
    listTasks: unary(({ names, all }) => {
      const chosen =
        names.length === 0
          ? [...view().all('task')]
          : names
              .flatMap((name) => servicesNamed(view(), name))
              .flatMap(({ id }) => [...view().tasksOfService(id)]);
      const tasks = all ? chosen : chosen.filter(isCurrent);
      return { tasks: tasks.map((task) => taskView(view(), task)).sort(byPlace) };
    }),
    listNodes: unary(() => {
      const nodes = [...view().all('node')].sort((a, b) => (a.name < b.name ? -1 : 1));
      return { nodes: nodes.map((node) => nodeView(view(), node)) };
    }),
    watch: (call) => watch(deps.store, call),
    logs: (call) => logs(deps, call),
    exec: (call) => execIn(deps, call),
    usage: unary(() => ({ nodes: usageOf(view(), deps.usage) })),
    ...imageCalls(deps),
    ...volumeCalls(deps),
    ...contentCalls(deps),
  };
}

function wantedOf(request: PlanRequest | ApplyRequest): Wanted {
  const { stack, services, prune, credentials, contents } = request;
  return {
    stack,
    specs: services.map(toModel.serviceSpec),
    prune,
    credentials: credentials.map(toModel.registryCredential),
    contents: contents.map(givenOf),
  };
}

/** Not history: what runs or should, and what ended without an answer yet. */
function isCurrent(task: Task): boolean {
  return task.desired === 'running' || !isTerminal(task.status.state);
}

interface Placed {
  readonly stack: string;
  readonly service: string;
  readonly slot: number;
  readonly node: string;
  readonly createdAt: number;
}

function byPlace(a: Placed, b: Placed): number {
  const [left, right] = [`${a.stack}/${a.service}`, `${b.stack}/${b.service}`];
  if (left !== right) return left < right ? -1 : 1;
  return a.slot - b.slot || a.node.localeCompare(b.node) || b.createdAt - a.createdAt;
}
