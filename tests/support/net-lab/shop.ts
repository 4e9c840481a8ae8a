import type { PortSpec } from '@gantry/model/service';
import { aNetworking, anEndpoint, aTask } from '../networks.ts';
import { LabHosts } from './hosts.ts';
import { Lab } from './lab.ts';

/** Its tasks: the last digit of the name is the host that each is on. */
export const [web1, web2, web3, db3, other2, app1] = [
  'web100000001',
  'web200000002',
  'web300000003',
  'db3000000003',
  'other2000002',
  'app100000001',
] as const;
export const vip = {
  web: '10.211.0.1',
  db: '10.211.0.2',
  sticky: '10.211.0.3',
  one: '10.211.0.4',
  app: '10.211.0.5',
} as const;

/** Three hosts with a service on all of them, and a database, published, that one network alone reaches. */
export class ShopLab {
  readonly lab = new Lab(3);
  readonly hosts = new LabHosts(this.lab);
  readonly client = this.lab.address('outside');

  async open(): Promise<void> {
    await this.lab.open();
    await this.hosts.open();
    await this.hosts.run([
      { host: 'h1', ...aTask(web1, ['front']) },
      { host: 'h1', ...aTask(app1, ['front', 'back']) },
      { host: 'h2', ...aTask(web2, ['front']) },
      { host: 'h2', ...aTask(other2, ['elsewhere']) },
      { host: 'h3', ...aTask(web3, ['front']) },
      { host: 'h3', ...aTask(db3, ['back'], { internal: true }) },
    ]);
    await this.hosts.tell(this.services());
  }

  async close(): Promise<void> {
    await this.hosts.close();
    await this.lab.close();
  }

  backends(...tasks: readonly string[]): { taskId: string; address: string }[] {
    return tasks.map((taskId) => ({ taskId, address: this.hosts.address(taskId) }));
  }

  /** The database, with the task that it has now. */
  db(task: string) {
    return anEndpoint('db', vip.db, this.backends(task), {
      ports: [port(5432), port(5353, { protocol: 'udp' })],
      networking: aNetworking(['back'], { internal: true }),
    });
  }

  services(webs: readonly string[] = [web1, web2, web3]) {
    const web = this.backends(...webs);
    return [
      anEndpoint('web', vip.web, web, { networking: aNetworking(['front']) }),
      anEndpoint('app', vip.app, this.backends(app1), {
        ports: [port(5354, { protocol: 'udp' })],
        networking: aNetworking(['front', 'back']),
      }),
      this.db(db3),
      anEndpoint('sticky', vip.sticky, web, {
        networking: aNetworking(['front'], { affinity: 'client' }),
      }),
    ];
  }
}

function port(published: number, more: Partial<PortSpec> = {}): PortSpec {
  return { target: 80, published, protocol: 'tcp', mode: 'ingress', ...more };
}
