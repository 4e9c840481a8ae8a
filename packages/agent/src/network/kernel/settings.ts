import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execOk, type Exec } from '@gantry/kit/exec';

/** Sets kernel settings of a host's network namespace, each as `net.ipv4.conf.gx.rp_filter=0`. Throws if one cannot be set. */
export type Settings = (lines: readonly string[]) => Promise<void>;

/** In the namespace of this process: files instead of a process a time, of the kernel's memory. */
export const ownSettings: Settings = (lines) =>
  new Promise((resolve) => {
    for (const line of lines) {
      const [name = '', value = ''] = line.split('=');
      writeFileSync(join('/proc/sys', ...name.split('.')), value);
    }
    resolve();
  });

/** In the namespace that `exec` runs commands in. */
export function settingsThrough(exec: Exec): Settings {
  return async (lines) => {
    await execOk(exec, ['sysctl', '-q', '-w', ...lines]);
  };
}
