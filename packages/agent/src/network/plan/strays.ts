import { contains, parseCidr } from '@gantry/model/addresses';
import { gateway, tunnel } from './address-plan.ts';
import type { Leads } from './leads.ts';

/** A UDP flow as the kernel remembers it. */
export interface UdpFlow {
  readonly client: string;
  /** What the client asked. */
  readonly asked: string;
  readonly port: number;
  /** Who answers, and to whom: others than asked and client where addresses are translated. */
  readonly answers: string;
  readonly answersTo: string;
}

/** What decides which flows are on a wrong way. */
export interface StrayEnv {
  readonly containerPool: string;
  readonly leads: Leads;
  /** Addresses that tasks have, ready or not; asked for only if a flow makes it matter. */
  readonly taken: () => ReadonlySet<string>;
  /** Ports that something answers on now and nothing may have answered on before. */
  readonly opened: ReadonlySet<number>;
}

/** The flows in what `conntrack -L -p udp` says. */
export function flowsIn(listing: string): readonly UdpFlow[] {
  const line = / src=(\S+) dst=(\S+) sport=\d+ dport=(\d+) (?:.*? )?src=(\S+) dst=(\S+) sport=/g;
  return Array.from(
    listing.matchAll(line),
    ([, client = '', asked = '', port, answers = '', answersTo = '']) => ({
      client,
      asked,
      port: Number(port),
      answers,
      answersTo,
    }),
  );
}

/** Lines for `conntrack -R` that make the kernel forget the flows on a wrong way: one for all of the same way. */
export function forgetting(flows: readonly UdpFlow[], env: StrayEnv): readonly string[] {
  const isStray = strayTest(env);
  const lines = flows
    .filter(isStray)
    .map(({ asked, port, answers }) => `-D -p udp -d ${asked} --dport ${port} -r ${answers}`);
  return [...new Set(lines)];
}

function strayTest({ containerPool, leads, taken, opened }: StrayEnv): (flow: UdpFlow) => boolean {
  const pool = parseCidr(containerPool);
  let known: ReadonlySet<string> | undefined;
  return ({ client, asked, port, answers, answersTo }) => {
    // Led to a container that it is not for (any more).
    if (answers !== asked) return contains(pool, answers) && !leads.of(asked, port)?.has(answers);
    // The container's own address was asked: whoever gets that next must not inherit the flow.
    if (contains(pool, asked)) return port !== tunnel.port && !(known ??= taken()).has(asked);
    // Begun when nobody answered: to the host itself, not through it or to its name server.
    return opened.has(port) && asked !== gateway && answersTo === client;
  };
}
