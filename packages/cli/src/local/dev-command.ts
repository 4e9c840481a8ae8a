import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import { exec } from '@gantry/kit/exec';
import { LocalCluster } from './cluster.ts';
import { checkExample } from './example.ts';
import { waitForNodes } from './nodes.ts';

export interface DevOptions {
  readonly nodes: number;
  /** Name of the cluster: of its directories and namespaces. */
  readonly name: string;
  /** A directory with `compose.yaml` and, if it needs an image of its own, `build-image.mjs`. */
  readonly example?: string;
  readonly encryption?: string;
  /** Listen where the cli looks first. */
  readonly loopback: boolean;
  /** Show, check, clean up and end. */
  readonly once: boolean;
}

/** `gantry dev`: a cluster on this machine until Ctrl-C; nothing of it is left afterwards but images and logs. */
export async function devCommand(options: DevOptions): Promise<number> {
  const interrupted = hearInterrupt();
  const started = performance.now();
  say(`starting ${options.nodes} hosts on this machine`);
  const gantryBin = resolve(process.argv[1] ?? 'bin/gantry');
  const cluster = await LocalCluster.start({
    name: options.name,
    hosts: options.nodes,
    gantryBin,
    exec,
    onLoopback: options.loopback,
    ...(options.encryption !== undefined && { encryption: options.encryption }),
    onSurprise: (name, how) => say(`${name} ended by itself (${how}); its log is in the state directory`),
  });
  try {
    await waitForNodes(cluster.controllerAddress, options.nodes, 30_000);
    say(`${options.nodes} hosts ready after ${seconds(started)}`);
    if (options.example !== undefined) await showExample(cluster, gantryBin, options.example);
    printWays(cluster);
    if (!options.once) await interrupted.heard;
    return interrupted.was() && options.once ? 130 : 0;
  } finally {
    say('stopping');
    await cluster.stop();
    interrupted.stop();
  }
}

async function showExample(cluster: LocalCluster, gantryBin: string, example: string): Promise<void> {
  const gantry = (...argv: string[]): Promise<void> => run(gantryBin, argv, cluster.controllerAddress);
  const image = join(cluster.topology.stateDir, 'example-image.tar');
  await run(join(example, 'build-image.mjs'), [image], cluster.controllerAddress);
  await gantry('image', 'load', image);
  await rm(image, { force: true });
  await gantry('apply', '-f', join(example, 'compose.yaml'));
  for (const line of await checkExample(cluster.topology.hosts)) process.stdout.write(`${line}\n`);
  for (const command of [['node', 'ls'], ['ls'], ['ps']]) {
    process.stdout.write(`\n$ gantry ${command.join(' ')}\n`);
    await gantry(...command);
  }
}

/** Runs a script of ours with its output shown; throws if it fails. */
function run(script: string, argv: readonly string[], controller: string): Promise<void> {
  return new Promise((resolvePromise, reject) => {
    const env = { ...process.env, GANTRY_CONTROLLER: controller };
    const child = spawn(process.execPath, [script, ...argv], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolvePromise();
      else
        reject(
          new GantryError('internal', `${script} ${argv.join(' ')} ended with exit code ${String(code)}`),
        );
    });
  });
}

function printWays(cluster: LocalCluster): void {
  const { stateDir, hosts } = cluster.topology;
  const bin = relativeBin();
  process.stdout.write(
    [
      '',
      'Try, in another terminal:',
      `  ${bin} ps                                  every task, on every host`,
      `  ${bin} scale hello=5                       more replicas`,
      `  ${bin} logs -f hello                       what they write`,
      `  ${bin} top                                 what they use`,
      `  curl http://${hosts[0]?.address ?? ''}:8080/                 any host answers`,
      `  ${bin} apply -f your-compose.yaml          a service of your own`,
      '',
      `Logs of the cluster itself: ${stateDir}/logs`,
      '',
    ].join('\n'),
  );
  if (process.stderr.isTTY) say('up; Ctrl-C ends it and cleans up');
}

function relativeBin(): string {
  const script = process.argv[1] ?? 'gantry';
  return dirname(script) === join(process.cwd(), 'bin') ? 'bin/gantry' : script;
}

/** Remembers the first SIGINT or SIGTERM; a second one ends the process at once. */
function hearInterrupt(): { heard: Promise<void>; was(): boolean; stop(): void } {
  let was = false;
  let tell: () => void = () => undefined;
  const heard = new Promise<void>((resolvePromise) => (tell = resolvePromise));
  const listener = (): void => {
    if (was) process.exit(130);
    was = true;
    tell();
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return { heard, was: () => was, stop: () => process.off('SIGINT', listener).off('SIGTERM', listener) };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  process.stderr.write(`gantry: ${text}\n`);
}
