// `npm start`: sets up what is missing, then a three-host cluster on this machine with the hello example.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

try {
  await setUp();
} catch (error) {
  process.stderr.write(`gantry: ${error.message}\n`);
  process.exit(2);
}
const gantry = join(root, 'bin/gantry');
const example = join(root, 'examples/hello');
const argv = [gantry, 'dev', '--nodes', '3', '--example', example, ...process.argv.slice(2)];
const child = spawn(process.execPath, argv, { stdio: 'inherit' });
// Ctrl-C reaches both; the cluster ends in order, and we wait for it.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (signal === 'SIGTERM') child.kill(signal);
  });
}
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
