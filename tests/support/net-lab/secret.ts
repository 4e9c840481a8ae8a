import { readdir, readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import type { PortSpec } from '@gantry/model/service';
import { waitFor } from '../../../packages/cli/src/local/wait.ts';
import { aNetworking, anEndpoint, aTask } from '../networks.ts';
import { captured, type Packet } from './capture.ts';
import { LabHosts } from './hosts.ts';
import { Lab } from './lab.ts';

export const [app1, other2, db3] = ['app100000001', 'other2000002', 'db3000000003'] as const;
/** Of the service that `db3` answers for, also on published port 5432. */
export const vip = '10.211.0.2';
const published: PortSpec = { target: 80, published: 5432, protocol: 'tcp', mode: 'ingress' };

/** Three hosts that may be told to encrypt: `app1` on the first talks with `db3` on the third. */
export class SecretLab {
  readonly lab = new Lab(3);
  readonly hosts = new LabHosts(this.lab);
  readonly client = this.lab.address('outside');
  readonly addresses = this.lab.hosts.map((host) => this.lab.address(host));

  async open(): Promise<void> {
    const { hosts } = this;
    await this.lab.open();
    await hosts.open();
    await hosts.run([
      { host: 'h1', ...aTask(app1, ['back']) },
      { host: 'h2', ...aTask(other2, ['side']) },
      { host: 'h3', ...aTask(db3, ['back']) },
    ]);
    const networking = aNetworking(['back']);
    const backend = (taskId: string) => [{ taskId, address: hosts.address(taskId) }];
    await hosts.tell([
      anEndpoint('db', vip, backend(db3), { ports: [published], networking }),
      anEndpoint('app', '10.211.0.3', backend(app1), { networking }),
    ]);
  }

  async close(): Promise<void> {
    await this.hosts.close();
    await this.lab.close();
  }

  async encrypt(...which: readonly string[]): Promise<void> {
    for (const host of which) this.hosts.encryption.set(host, { mode: 'wireguard', keyGeneration: 0 });
    await this.hosts.tell();
  }

  /** What two hosts say to each other. */
  async between(work: () => Promise<void>): Promise<readonly Packet[]> {
    return this.amongHosts(await captured(this.lab.netns('sw'), work));
  }

  amongHosts(packets: readonly Packet[]): readonly Packet[] {
    return packets.filter(({ from, to }) => this.addresses.includes(from) && this.addresses.includes(to));
  }

  /** By address, virtual address and published port, in both directions. */
  async talk(): Promise<void> {
    const { hosts } = this;
    const [app, db] = [hosts.address(app1), hosts.address(db3)];
    expect(await hosts.ask(app1, db, '80')).toMatch(`${db3} ${app} `);
    expect(await hosts.ask(app1, vip, '80')).toMatch(`${db3} ${app} `);
    expect(await hosts.ask(app1, '--udp', vip, '80')).toMatch(`${db3} ${app} `);
    expect(await hosts.ask(db3, app, '80')).toMatch(app1);
    expect(await hosts.ask('outside', this.lab.address('h1'), '5432')).toMatch(`${db3} ${this.client} `);
  }

  /** Waits until containers on two hosts hear each other. */
  heard(withinMs = 10_000): Promise<unknown> {
    const ask = (): Promise<string> => this.hosts.ask(app1, this.hosts.address(db3), '80');
    return waitFor('an answer', async () => ((await ask()).startsWith(db3) ? true : undefined), withinMs, 50);
  }

  async underlayLinks(host: string): Promise<readonly string[]> {
    const { stdout } = await this.lab.exec(host)(['ip', '-o', 'link', 'show']);
    return [...stdout.matchAll(/^\d+: (gw\w+):/gm)].map(([, name = '']) => name);
  }

  /** The `wireguard-go` that serves the one link of a host. */
  async wireguardGo(host: string): Promise<number> {
    return processOf((await this.underlayLinks(host))[0] ?? '');
  }
}

/** What the test's containers say, in plain. */
export function told(packets: readonly Packet[]): readonly Packet[] {
  return packets.filter(({ bytes }) => [app1, db3, 'hello'].some((word) => bytes.includes(word)));
}

/** Packets between hosts that are not WireGuard's. */
export function plain(packets: readonly Packet[]): readonly string[] {
  const others = packets.filter(({ protocol, port }) => protocol !== 17 || ![51_820, 51_821].includes(port));
  return [...new Set(others.map(({ from, to, protocol, port }) => `${from} → ${to}, ${protocol} ${port}`))];
}

/** The `wireguard-go` that serves a link; 0: there is none. */
export async function processOf(link: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (argv[0]?.endsWith('wireguard-go') && argv[1] === link) return Number(pid);
  }
  return 0;
}
