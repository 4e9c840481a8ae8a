import type { Node } from '@gantry/model/node';
import type { Service } from '@gantry/model/service';
import { isTerminal, type Task } from '@gantry/model/task';
import type { View } from '../store/store.ts';
import { factsOf, lasting, taskName, type Said } from './facts.ts';
import { serviceWords } from './service.ts';
import { taskWords } from './task.ts';
import { timelineOf, type Happened } from './timeline.ts';

/** Why something is as it is. */
export interface Why {
  /** `shop/web`, `shop/web.2`, `n1` */
  readonly about: string;
  /** One sentence. */
  readonly answer: string;
  /** What else is to be said, a sentence each. */
  readonly also: readonly string[];
  /** What the answer rests on, a line each. */
  readonly details: readonly string[];
  /** What to do, if somebody can do something. */
  readonly fixes: readonly string[];
  /** What the store knows of the past; the oldest first. */
  readonly timeline: readonly Happened[];
}

/** Events that are told. */
const most = 16;

export function whyService(view: View, service: Service, now: number): Why {
  const facts = factsOf(view, service, now);
  const tasks = facts.places.flatMap((place) => place.tasks);
  return answered(facts.name, serviceWords(facts), timelineOf(facts, tasks, most));
}

/** Of one place: what is there now, and the tasks before it. */
export function whyTask(view: View, service: Service, task: Task, now: number): Why {
  const facts = factsOf(view, service, now);
  const place = facts.places.find(({ tasks }) => tasks.includes(task));
  const about = `${service.spec.stack}/${taskName(view, service, task)}`;
  return answered(about, taskWords(facts, task), timelineOf(facts, place?.tasks ?? [task], most));
}

export function whyNode(view: View, node: Node, now: number): Why {
  const { name, state, stateReason, availability, silentSince, pressure, subnet } = node;
  const held = [...view.tasksOnNode(node.id)].filter(({ status }) => !isTerminal(status.state));
  const said: Said[] = [];
  if (state === 'down') said.push({ answer: `${name} is down: ${stateReason}; its tasks run elsewhere` });
  else if (state === 'unknown') said.push({ answer: `nobody knows of ${name}: ${stateReason}` });
  if (availability === 'drain')
    said.push({
      answer: `${name} is drained: it gets no tasks, ${held.length} are left on it`,
      fixes: [`gantry node uncordon ${name}`],
    });
  if (availability === 'pause')
    said.push({
      answer: `${name} is cordoned: it keeps its ${held.length} tasks and gets no new ones`,
      fixes: [`gantry node uncordon ${name}`],
    });
  if (pressure !== undefined) said.push({ answer: `${name} gets no new tasks: ${pressure}` });
  // One that has only just joined gets its subnet in the same moment.
  if (state === 'ready' && subnet === undefined)
    said.push({
      answer: `${name} gets no tasks: the controller has no subnet left for its containers`,
      fixes: ['gantry node rm for hosts that are gone: they hold theirs until then'],
    });
  if (said.length === 0)
    said.push({ answer: `${name} is as it should be: ${stateReason}, ${held.length} tasks` });
  const silent =
    silentSince === undefined
      ? []
      : [{ at: silentSince, about: name, what: `fell silent, ${lasting(now - silentSince)} ago` }];
  return answered(name, said, [{ at: node.createdAt, about: name, what: 'joined' }, ...silent]);
}

function answered(about: string, said: readonly Said[], timeline: readonly Happened[]): Why {
  const [first, ...more] = said;
  return {
    about,
    answer: first?.answer ?? '',
    also: more.map(({ answer }) => answer),
    details: said.flatMap(({ details }) => details ?? []),
    fixes: [...new Set(said.flatMap(({ fixes }) => fixes ?? []))],
    timeline,
  };
}
