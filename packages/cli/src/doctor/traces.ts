import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Exec } from '@gantry/kit/exec';
import type { Expected, Trace } from './census.ts';

const taskId = '[0-9a-z]{12}';
const taskIdOnly = new RegExp(`^${taskId}$`);

/** Every trace of Gantry on this machine, in all its network namespaces. Reads only. */
export async function collectTraces(exec: Exec): Promise<readonly Trace[]> {
  const parts = await Promise.all([
    processes(),
    cgroups(),
    mounts(),
    namespaces(),
    directories('/run', ['containers', 'contents'], 'run directory'),
    directories('/var/lib', ['rootfs'], 'rootfs'),
    leases(),
    networks(exec),
  ]);
  return parts.flat();
}

/** What should be there: a state file per task that an agent holds, in any state directory of this machine. */
export async function collectExpected(): Promise<Expected> {
  const states = await stateDirectories();
  const ids = new Set<string>();
  for (const dir of states) {
    for (const file of await list(join(dir, 'tasks'))) {
      const id = basename(file, '.json');
      if (taskIdOnly.test(id) && !(await isEnded(join(dir, 'tasks', file)))) ids.add(id);
    }
  }
  return { taskIds: ids, nodePresent: states.length > 0 };
}

/** An ended task's file is kept for its history; it accounts for no container any more. */
async function isEnded(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const cleaned = /"cleaned"\s*:\s*true/.test(text);
  return cleaned;
}

/** Directories of agents: those with a node id. */
async function stateDirectories(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const root of await ours('/var/lib')) {
    for (const dir of [root, ...(await list(root)).map((name) => join(root, name))]) {
      if ((await list(dir)).includes('node-id')) found.push(dir);
    }
  }
  return found;
}

async function processes(): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const pid of (await list('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const program = basename(argv[0] ?? '');
    const id = argv.find(
      (word, index) => ['-c', '--cid'].includes(argv[index - 1] ?? '') && taskIdOnly.test(word),
    );
    if (program === 'conmon' && id !== undefined)
      traces.push({ kind: 'monitor', taskId: id, what: `pid ${pid}` });
    if (program === 'wireguard-go' && /^gw[A-Za-z0-9]{10}$/.test(argv[1] ?? ''))
      traces.push({ kind: 'process', what: `pid ${pid} (wireguard-go ${argv[1] ?? ''})` });
  }
  return traces;
}

async function cgroups(): Promise<Trace[]> {
  const traces: Trace[] = [];
  const controllers = ['', ...(await list('/sys/fs/cgroup'))].map((name) => join('/sys/fs/cgroup', name));
  for (const controller of controllers) {
    for (const parent of (await list(controller)).filter((name) => name.startsWith('gantry'))) {
      const parentDir = join(controller, parent);
      for (const id of (await list(parentDir)).filter((name) => taskIdOnly.test(name))) {
        traces.push({ kind: 'cgroup', taskId: id, what: join(parentDir, id) });
        for (const pid of await pids(join(parentDir, id))) {
          if (!traces.some((trace) => trace.what === `pid ${pid}`)) {
            traces.push({ kind: 'process', taskId: id, what: `pid ${pid}` });
          }
        }
      }
    }
  }
  return traces;
}

async function pids(cgroup: string): Promise<readonly string[]> {
  const text = await readFile(join(cgroup, 'cgroup.procs'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

async function mounts(): Promise<Trace[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text.split('\n').flatMap((line): Trace[] => {
    const target = line.split(' ')[4] ?? '';
    const match = new RegExp(`^/(?:var/lib|run)/gantry.*/(${taskId})(?:/|$)`).exec(target);
    return match?.[1] === undefined ? [] : [{ kind: 'mount', taskId: match[1], what: target }];
  });
}

async function namespaces(): Promise<Trace[]> {
  const names = (await list('/run/netns')).filter((name) => new RegExp(`^gt-${taskId}$`).test(name));
  return names.map((name) => ({ kind: 'netns', taskId: name.slice(3), what: `/run/netns/${name}` }));
}

async function directories(root: string, below: readonly string[], kind: Trace['kind']): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const top of await ours(root)) {
    for (const node of [top, ...(await list(top)).map((name) => join(top, name))]) {
      for (const part of below) {
        const found = (await list(join(node, part))).filter((name) => taskIdOnly.test(name));
        traces.push(...found.map((id): Trace => ({ kind, taskId: id, what: join(node, part, id) })));
      }
    }
  }
  return traces;
}

async function leases(): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const dir of await stateDirectories()) {
    for (const name of await list(join(dir, 'network', 'leases'))) {
      const id = basename(name, '.json');
      const text = await readFile(join(dir, 'network', 'leases', name), 'utf8').catch(() => '');
      if (taskIdOnly.test(id) && !text.includes('releasedAt')) {
        traces.push({ kind: 'lease', taskId: id, what: join(dir, 'network', 'leases', name) });
      }
    }
  }
  return traces;
}

/** Interfaces, routes and tables in this namespace and in those of local hosts. */
async function networks(exec: Exec): Promise<Trace[]> {
  const own = await readlink('/proc/self/ns/net').catch(() => '');
  const spaces = (await list('/run/netns')).filter(
    (name) => name.startsWith('gantry-') && !name.endsWith('-switch'),
  );
  const here = await networkTraces(exec, [], own === '' ? '' : 'this host');
  const there = await Promise.all(
    spaces.map((name) => networkTraces(exec, ['nsenter', `--net=/run/netns/${name}`], name)),
  );
  return [here, ...there].flat();
}

async function networkTraces(exec: Exec, inside: readonly string[], where: string): Promise<Trace[]> {
  const traces: Trace[] = [];
  const links = (await exec([...inside, 'ip', '-o', 'link', 'show'])).stdout;
  for (const match of links.matchAll(new RegExp(`^\\d+: (g[vi])(${taskId})[@:]`, 'gm'))) {
    const [, prefix = '', id = ''] = match;
    traces.push({ kind: 'link', taskId: id, what: `${prefix}${id} in ${where}` });
  }
  for (const match of links.matchAll(/^\d+: (gx|gw[A-Za-z0-9]{10})[:@]/gm))
    traces.push({ kind: 'link', what: `${match[1] ?? ''} in ${where}` });
  const routes = (await exec([...inside, 'ip', '-o', 'route', 'show', 'table', 'all'])).stdout;
  for (const match of routes.matchAll(new RegExp(`^(\\S+) dev gv(${taskId})`, 'gm'))) {
    if (match[1] !== undefined && match[2] !== undefined) {
      traces.push({ kind: 'route', taskId: match[2], what: `${match[1]} in ${where}` });
    }
  }
  const tables = await exec([...inside, 'nft', 'list', 'tables']);
  if (tables.stdout.includes('table inet gantry'))
    traces.push({ kind: 'nft', what: `table inet gantry in ${where}` });
  return traces;
}

/** Directories of ours below a root: `gantry`, `gantry-dev` … */
async function ours(root: string): Promise<readonly string[]> {
  return (await list(root)).filter((name) => /^gantry(-|$)/.test(name)).map((name) => join(root, name));
}

async function list(dir: string): Promise<readonly string[]> {
  return readdir(dir).catch(() => []);
}
