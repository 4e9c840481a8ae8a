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
/** Characters: three or four failed tests with their differences. */
const shownErrors = 8_000;
process.exitCode = named.length > 0 ? await run(named).code : await runAll();

/** Tests of hosts wait for real parts most of the time: what only computes runs beside them, behind, and speaks at the end. */
async function runAll() {
  const said = [];
  const groups = [
    run(['host', 'e2e']),
    run(['architecture', 'unit', 'sim'], { nice: 10, out: (text) => void said.push(text) }),
  ];
  const [onHosts, beside] = await Promise.all(groups.map(({ code }) => code));
  process.stdout.write(said.join(''));
  // Last, so that a long output ends with what somebody has to mend.
  if (onHosts !== 0) process.stdout.write(groups[0].errors());
  return onHosts || beside;
}

/** `code` resolves with the exit code; `errors` is the end of what was said on stderr, where vitest sums up what failed. */
function run(projects, { nice = 0, out = (text) => void process.stdout.write(text) } = {}) {
  const vitest = join(root, 'node_modules/.bin/vitest');
  const args = [
    '-n',
    String(nice),
    vitest,
    'run',
    ...projects.flatMap((name) => ['--project', name]),
    ...rest,
  ];
  const env = process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env;
  const child = spawn('nice', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', out);
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors = (errors + text).slice(-shownErrors);
    out(text);
  });
  const code = new Promise((resolve) => {
    child.once('error', () => resolve(1)).once('close', (code) => resolve(code ?? 1));
  });
  return { code, errors: () => errors };
}
