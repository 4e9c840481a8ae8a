/** A named place on the way; a test may have the process killed there, as a power cut or the OOM killer would. */
export type Failpoint = (name: string) => void;

export const noFailpoint: Failpoint = () => undefined;

/** `NAME` or `NAME:N`: SIGKILL to this process the N-th time (from 1) that the place is reached. For tests only. */
export function killAt(text: string): Failpoint {
  const [name = '', count = '1'] = text.split(':');
  let left = Number(count);
  return (reached) => {
    if (reached !== name || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    for (;;); // the signal comes within microseconds, and nothing more may happen until then
  };
}
