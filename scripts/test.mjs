// `npm test`: sets up what is missing, then runs every test. `npm test -- e2e` runs one project of them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostPrograms, setUp, testPrograms } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
await setUp({ ...hostPrograms, ...testPrograms });

const projects = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const rest = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
const argv = ['run', ...projects.flatMap((name) => ['--project', name]), ...rest];
const result = spawnSync(join(root, 'node_modules/.bin/vitest'), argv, { cwd: root, stdio: 'inherit' });
process.exit(result.status ?? 1);
