import type { Exec, ExecResult } from '@gantry/kit/exec';
import { gateway } from '../plan/address-plan.ts';
import { flowsIn, forgetting, type StrayEnv } from '../plan/strays.ts';

/** What is read of the kernel's list, bytes: more flows than a kernel keeps by default. */
const maxListing = 64 << 20;

/** Without questions to the name server: there may be many thousands of them, and none is ever on a wrong way. */
const list = ['sh', '-c', `conntrack -L -p udp | grep -vF ' dst=${gateway} '`];
/** It opens its input by a path, which a socket (Node's stdin of a process) has not: a pipe does. */
const loadLines = ['sh', '-c', 'cat | conntrack -R -'];

/**
 * Makes the kernel forget UDP flows on a wrong way: a UDP flow has no end, it lasts as long as its client sends. One look at
 * all of them, and one more process if there is something to forget, however many have left. Answers with what went wrong.
 */
export async function forgetFlows(exec: Exec, env: () => StrayEnv): Promise<string | undefined> {
  const seen = await run(exec, list);
  if (!seen.stderr.includes('flow entries have been shown')) return seen.stderr.trim();
  const lines = forgetting(flowsIn(seen.stdout), env());
  if (lines.length === 0) return undefined;
  const { code, stderr } = await run(exec, loadLines, `${lines.join('\n')}\n`);
  return code === 0 ? undefined : stderr.trim();
}

function run(exec: Exec, argv: readonly string[], input = ''): Promise<ExecResult> {
  return exec(argv, { input, maxOutput: maxListing }).catch((error: unknown) => ({
    code: 127,
    stdout: '',
    stderr: String(error),
  }));
}
