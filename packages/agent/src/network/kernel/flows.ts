import type { Exec } from '@gantry/kit/exec';
import type { Transaction } from '../plan/table-book.ts';

/**
 * Makes the kernel forget UDP flows that would go on to a task that is no backend any more, or to nobody although a task
 * is there now: a UDP flow has no end, it lasts as long as its client sends. Answers with what went wrong, if anything.
 */
export async function forgetFlows(
  exec: Exec,
  { leftBackends, openedUdp }: Pick<Transaction, 'leftBackends' | 'openedUdp'>,
): Promise<string | undefined> {
  const filters = [
    ...[...new Set(leftBackends)].map((address) => ['--reply-src', address]),
    ...[...new Set(openedUdp)].map((port) => ['--orig-port-dst', String(port)]),
  ];
  let failed: string | undefined;
  for (const filter of filters) {
    // It exits 1 also when there was nothing to delete.
    const { code, stderr } = await exec(['conntrack', '-D', '-p', 'udp', ...filter]).catch(
      (error: unknown) => ({
        code: 127,
        stderr: String(error),
      }),
    );
    if (code !== 0 && !stderr.includes('0 flow entries')) failed = stderr.trim();
  }
  return failed;
}
