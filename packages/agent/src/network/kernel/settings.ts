import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execOk, type Exec } from '@gantry/kit/exec';

/** Sets kernel settings of a host's network namespace, each as `net.ipv4.conf.gx.rp_filter=0`. Throws if one cannot be set. */
export type Settings = (lines: readonly string[]) => Promise<void>;

/** In the namespace of this process: files instead of a process a time. */
export const ownSettings: Settings = async (lines) => {
  await Promise.all(
    lines.map(async (line) => {
      const [name = '', value = ''] = line.split('=');
      await writeFile(join('/proc/sys', ...name.split('.')), value);
    }),
  );
};

/** In the namespace that `exec` runs commands in. */
export function settingsThrough(exec: Exec): Settings {
  return async (lines) => {
    await execOk(exec, ['sysctl', '-q', '-w', ...lines]);
  };
}
