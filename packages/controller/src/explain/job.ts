import { failuresOf, isOverRun, type JobRun } from '@gantry/model/job';
import { nextDue } from '@gantry/model/schedule';
import { isTerminal } from '@gantry/model/task';
import { lasting, named, type Facts, type Said } from './facts.ts';

/** Why a job is as it is: its run that goes on or its newest, and when the next is due. */
export function jobWords(facts: Facts): Said | undefined {
  const { service, now, name } = facts;
  if (!service.spec.job) return undefined;
  const runs = service.job?.runs ?? [];
  const run = runs.find((one) => !isOverRun(one)) ?? runs.at(-1);
  const next = nextWords(facts);
  if (!run) return { answer: `${name} has not run yet${next}` };
  const over = run.endedAt === undefined ? '' : ` ${lasting(now - run.endedAt)} ago`;
  switch (run.state) {
    case 'waiting':
      return { answer: `run ${run.number} of ${name} waits: ${run.reason}${next}` };
    case 'running':
      return running(facts, run, next);
    case 'complete':
      return { answer: `run ${run.number} of ${name} ended well${over}: ${run.reason}${next}` };
    case 'failed':
      return {
        answer: `run ${run.number} of ${name} failed${over}: ${run.reason}${next}`,
        fixes: [`gantry logs --previous ${name}`, `gantry restart ${name} runs it again`],
      };
    case 'skipped':
      return { answer: `run ${run.number} of ${name} was left out: ${run.reason}${next}` };
  }
}

function running({ service, places, name, now }: Facts, run: JobRun, next: string): Said {
  const mine = places.filter(({ live }) => live?.run === run.number);
  const held = mine.filter(({ live }) => live?.status.state === 'pending');
  const since = lasting(now - (run.startedAt ?? run.dueAt));
  const failures = failuresOf(run);
  const retries = failures > 0 ? `, ${failures} of ${service.spec.job?.retries ?? 0} retries used` : '';
  const head = `run ${run.number} of ${name} goes on for ${since}: ${run.succeeded} done${retries}`;
  const [first] = held;
  if (first?.live) return { answer: `${head}; ${named(held)} waits: ${first.live.status.reason}${next}` };
  const last = places
    .flatMap(({ tasks }) => tasks)
    .filter((task) => task.run === run.number && isTerminal(task.status.state))
    .find(({ status }) => status.state === 'failed' || status.state === 'rejected');
  const why = mine.length === 0 && last ? `; the last try: ${last.status.reason}` : '';
  return { answer: `${head}${why}${next}` };
}

function nextWords({ service, now }: Facts): string {
  const { job } = service.spec;
  if (job?.schedule === undefined) return '';
  const at = nextDue(job.schedule, job.timeZone, Math.max(now, service.job?.dealtWith ?? now));
  return at === undefined
    ? '; its schedule has no next time'
    : `; next in ${lasting(at - now)} (${job.schedule}, ${job.timeZone})`;
}
