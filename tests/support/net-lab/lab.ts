import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { converse, type Converse } from '@gantry/kit/converse';
import { exec, execOk, type Exec } from '@gantry/kit/exec';
import { follow, type Follow } from '@gantry/kit/follow';

const talk = fileURLToPath(new URL('talk.mjs', import.meta.url));

/** A conversation that goes on: each `again` is one more question on it. */
export interface Held {
  again(): Promise<string>;
  end(): Promise<void>;
}

/**
 * Network namespaces on one segment of their own, away from this machine's network: hosts h1 …, and one `outside`. Every
 * process and namespace of it is gone after `close`.
 */
export class Lab {
  readonly hosts: readonly string[];
  readonly #prefix = `lab${process.pid}`;
  readonly #children = new Set<ChildProcess>();

  constructor(hosts: number) {
    this.hosts = Array.from({ length: hosts }, (_, index) => `h${index + 1}`);
  }

  async open(): Promise<void> {
    const sw = `${this.#prefix}-sw`;
    await ip('netns', 'add', sw);
    await ip('-n', sw, 'link', 'add', 'br0', 'type', 'bridge');
    await ip('-n', sw, 'link', 'set', 'br0', 'up');
    for (const name of [...this.hosts, 'outside']) {
      const ns = this.netns(name);
      await ip('netns', 'add', ns);
      await ip('-n', ns, 'link', 'set', 'lo', 'up');
      await ip('-n', sw, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns);
      await ip('-n', sw, 'link', 'set', name, 'master', 'br0', 'up');
      await ip('-n', ns, 'addr', 'add', `${this.address(name)}/24`, 'dev', 'eth0');
      await ip('-n', ns, 'link', 'set', 'eth0', 'up');
      if (name !== 'outside') await ip('-n', ns, 'route', 'add', 'default', 'via', this.address('outside'));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map(ended));
    for (const name of [...this.hosts, 'outside', 'sw']) await exec(['ip', 'netns', 'del', this.netns(name)]);
  }

  netns(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** Address on the common segment. */
  address(name: string): string {
    return name === 'outside' ? '10.208.0.1' : `10.208.0.${10 + Number(name.slice(1))}`;
  }

  /** Runs commands in one of the namespaces. */
  exec(name: string, run: Exec = exec): Exec {
    return (argv, options) => run([...inside(this.netns(name)), ...argv], options);
  }

  follow(name: string): Follow {
    return (argv, onLine, onEnd) => follow([...inside(this.netns(name)), ...argv], onLine, onEnd);
  }

  converse(name: string): Converse {
    return (argv, ...rest) => converse([...inside(this.netns(name)), ...argv], ...rest);
  }

  /** A server in a namespace (of the lab by its name, or any by its path); resolves once it listens. */
  async serve(where: string, name: string, port: number): Promise<() => Promise<void>> {
    const child = this.#spawn(where, ['serve', name, String(port)]);
    await once(child.stdout!, 'data');
    return () => ended(child);
  }

  /** One question from a namespace: the server's answer, `refused`, `unreachable` or `silence`. */
  async ask(where: string, ...words: readonly string[]): Promise<string> {
    const child = this.#spawn(where, ['ask', ...words]);
    let said = '';
    child.stdout?.on('data', (data: Buffer) => (said += data.toString()));
    await once(child, 'close');
    this.#children.delete(child);
    return said.trim();
  }

  /** A conversation that stays open; its first answer was heard. */
  async hold(where: string, ...words: readonly string[]): Promise<Held & { readonly first: string }> {
    const child = this.#spawn(where, ['ask', '--hold', ...words]);
    const next = async (): Promise<string> => {
      const heard = await Promise.race([
        once(child.stdout!, 'data'),
        new Promise<readonly Buffer[]>((resolve) =>
          setTimeout(() => resolve([Buffer.from('silence')]), 8_000),
        ),
      ]);
      return String(heard[0]).trim();
    };
    const first = await next();
    return {
      first,
      again: () => {
        child.stdin?.write('again\n');
        return next();
      },
      end: () => ended(child),
    };
  }

  #spawn(where: string, args: readonly string[]): ChildProcess {
    const netns = where.startsWith('/') ? where : `/run/netns/${this.netns(where)}`;
    const child = spawn('nsenter', [`--net=${netns}`, process.execPath, talk, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.add(child);
    return child;
  }
}

function inside(netns: string): readonly string[] {
  return ['nsenter', `--net=/run/netns/${netns}`];
}

async function ip(...words: readonly string[]): Promise<void> {
  await execOk(exec, ['ip', ...words]);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
