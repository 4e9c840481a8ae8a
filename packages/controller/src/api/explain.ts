import { GantryError } from '@gantry/kit/errors';
import type { Clock } from '@gantry/kit/clock';
import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import * as fromModel from '@gantry/proto/from-model';
import type { DescribeResponse } from '@gantry/proto/gen/gantry/v1/control';
import type { WhyAnswer, WhyResponse } from '@gantry/proto/gen/gantry/v1/explain';
import { whyNode, whyService, whyTask, type Why } from '../explain/why.ts';
import type { Store, View } from '../store/store.ts';
import { historyOf } from './history.ts';
import { fullName, nodeNamed, servicesNamed, tasksNamed } from './names.ts';
import { specOf } from './revisions.ts';
import { nodeView, serviceView, taskView } from './views.ts';

export interface ExplainDeps {
  readonly store: Pick<Store, 'view'>;
  readonly clock: Pick<Clock, 'now'>;
}

type Subject =
  | { readonly kind: 'service'; readonly service: Service }
  | { readonly kind: 'task'; readonly task: Task; readonly service: Service }
  | { readonly kind: 'node'; readonly node: Node };

/** Why what is named is as it is. */
export function why({ store, clock }: ExplainDeps, name: string): WhyResponse {
  const view = store.view();
  const answers = subjectsOf(view, name).map((subject) => whyWire(whyOf(view, subject, clock.now())));
  return { answers };
}

/** All about one thing. */
export function describe({ store, clock }: ExplainDeps, name: string): DescribeResponse {
  const view = store.view();
  const [subject, ...more] = subjectsOf(view, name);
  if (!subject || more.length > 0)
    throw new GantryError('ambiguous', `"${name}" is a stack of ${more.length + 1} services`, {
      hint: `name one: gantry ls ${name}`,
    });
  const about = whyWire(whyOf(view, subject, clock.now()));
  switch (subject.kind) {
    case 'service':
      return { ...ofService(view, subject.service), why: about };
    case 'task':
      return { ...ofTask(view, subject.service, subject.task), why: about };
    case 'node':
      return { ...ofNode(view, subject.node), why: about };
  }
}

const empty: DescribeResponse = {
  kind: '',
  why: undefined,
  service: undefined,
  spec: undefined,
  revisions: [],
  runs: [],
  tasks: [],
  node: undefined,
};

function ofService(view: View, service: Service): DescribeResponse {
  const { revisions, runs } = historyOf(view, service);
  return {
    ...empty,
    kind: 'service',
    service: serviceView(view, service),
    spec: fromModel.serviceSpec(service.spec),
    revisions,
    runs,
    tasks: inOrder([...view.tasksOfService(service.id)]).map((task) => taskView(view, task)),
  };
}

function ofTask(view: View, service: Service, task: Task): DescribeResponse {
  const revision = view.get('revision', task.revisionId);
  const node = view.get('node', task.nodeId ?? '');
  const place = [...view.tasksOfService(service.id)].filter(
    ({ slot, nodeId }) => slot === task.slot && (slot > 0 || nodeId === task.nodeId),
  );
  return {
    ...empty,
    kind: 'task',
    service: serviceView(view, service),
    spec: fromModel.serviceSpec(revision ? specOf(revision, service.spec) : service.spec),
    tasks: inOrder(place).map((one) => taskView(view, one)),
    node: node && nodeView(view, node),
  };
}

function ofNode(view: View, node: Node): DescribeResponse {
  const tasks = [...view.tasksOnNode(node.id)].filter(({ status }) => !isTerminal(status.state));
  return {
    ...empty,
    kind: 'node',
    tasks: inOrder(tasks).map((task) => taskView(view, task)),
    node: nodeView(view, node),
  };
}

function inOrder(tasks: Task[]): readonly Task[] {
  return tasks.sort((a, b) => a.slot - b.slot || b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
}

function whyOf(view: View, subject: Subject, now: number): Why {
  switch (subject.kind) {
    case 'service':
      return whyService(view, subject.service, now);
    case 'task':
      return whyTask(view, subject.service, subject.task, now);
    case 'node':
      return whyNode(view, subject.node, now);
  }
}

function whyWire({ about, answer, also, details, fixes, timeline }: Why): WhyAnswer {
  const past = timeline.map((one) => ({ ...one }));
  return { about, answer, also: [...also], details: [...details], fixes: [...fixes], timeline: past };
}

/** What a name means: services first, then `service.slot` and ids of tasks, then hosts. */
function subjectsOf(view: View, name: string): readonly Subject[] {
  const found = services(view, name) ?? tasks(view, name);
  if (found) return found;
  try {
    return [{ kind: 'node', node: nodeNamed(view, name) }];
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'not_found') throw error;
    const known = [...view.all('service')].map(fullName).sort().slice(0, 8);
    throw new GantryError('not_found', `there is no service, task or host "${name}"`, {
      hint: known.length === 0 ? 'gantry node ls shows hosts' : `there are services ${known.join(', ')}`,
    });
  }
}

function services(view: View, name: string): readonly Subject[] | undefined {
  const found = ifFound(() => servicesNamed(view, name));
  return found
    ?.toSorted((a, b) => (fullName(a) < fullName(b) ? -1 : 1))
    .map((service) => ({ kind: 'service', service }));
}

/** Of a slot the task that lives, else the newest. */
function tasks(view: View, name: string): readonly Subject[] | undefined {
  const found = ifFound(() => tasksNamed(view, name));
  const newest = [...(found ?? [])].sort((a, b) => b.createdAt - a.createdAt);
  const task =
    newest.find(({ desired, status }) => desired === 'running' && !isTerminal(status.state)) ?? newest[0];
  const service = task && view.get('service', task.serviceId);
  return task && service ? [{ kind: 'task', task, service }] : undefined;
}

function ifFound<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof GantryError && error.code === 'not_found') return undefined;
    throw error;
  }
}
