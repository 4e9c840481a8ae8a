// `npm test`: sets up what is missing, then runs every test. `npm test -- e2e` runs one project of them.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostPrograms, setUp, testPrograms } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
await setUp({ ...hostPrograms, ...testPrograms });

const named = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const rest = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
process.exit(named.length > 0 ? await run(named) : await runAll());

/** Tests of hosts wait for real parts most of the time: what only computes runs beside them, behind, and speaks at the end. */
async function runAll() {
  const said = [];
  const [onHosts, beside] = await Promise.all([
    run(['host', 'e2e']),
    run(['architecture', 'unit', 'sim'], { behind: (text) => void said.push(text) }),
  ]);
  process.stdout.write(said.join(''));
  return onHosts || beside;
}

/** Resolves with the exit code. */
function run(projects, { behind } = {}) {
  const vitest = join(root, 'node_modules/.bin/vitest');
  const argv = [vitest, 'run', ...projects.flatMap((name) => ['--project', name]), ...rest];
  const [program, ...args] = behind ? ['nice', '-n', '10', ...argv] : argv;
  const stdio = behind ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  const child = spawn(program, args, { cwd: root, stdio });
  child.stdout?.setEncoding('utf8').on('data', behind);
  child.stderr?.setEncoding('utf8').on('data', behind);
  return new Promise((resolve) => {
    child.once('error', () => resolve(1)).once('close', (code) => resolve(code ?? 1));
  });
}
