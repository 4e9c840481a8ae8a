// `npm run test:sim`: the simulator's tests. `-- --long`: 100,000 random histories. `SEED=7 npm run test:sim`: one, with its story.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const long = args.includes('--long');
const env = { ...process.env, ...(long && { HISTORIES: process.env.HISTORIES ?? '100000' }) };
const only = long || env.SEED !== undefined ? ['tests/sim/histories'] : [];
const argv = ['run', '--project', 'sim', ...only, ...args.filter((arg) => arg !== '--long')];
const result = spawnSync(join(root, 'node_modules/.bin/vitest'), argv, { cwd: root, env, stdio: 'inherit' });
process.exit(result.status ?? 1);
