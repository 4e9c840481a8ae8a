import type { Exec } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import {
  closeCommands,
  closedChains,
  legacyArguments,
  openCommands,
  type ClosedChain,
} from '../plan/forward-policy.ts';
import { nft } from './commands.ts';

/**
 * Other programs' firewalls on this host that drop what is forwarded (a docker sets iptables' FORWARD to DROP): an accept
 * of ours does not outvote them, so they get a rule that lets our links pass.
 */
export class ForwardPolicy {
  readonly #exec: Exec;
  readonly #log: Logger;

  constructor(exec: Exec, log: Logger) {
    this.#exec = exec;
    this.#log = log;
  }

  /** Opens what is closed and has no rule of ours yet. */
  async open(): Promise<void> {
    for (const chain of await this.#closed()) {
      if (closeCommands(chain, await this.#listing(chain)).length > 0) continue;
      await nft(this.#exec, lines(openCommands(chain)));
      this.#log.info("another program's firewall drops what is forwarded: opened it for containers", {
        ...chain,
      });
    }
    await this.#openLegacy();
  }

  /** Takes our rules out again. */
  async close(): Promise<void> {
    for (const chain of await this.#closed()) {
      const commands = closeCommands(chain, await this.#listing(chain));
      if (commands.length > 0) await nft(this.#exec, lines(commands));
    }
    if (!(await this.#legacyDrops())) return;
    for (const rule of legacyArguments())
      await this.#exec(['iptables-legacy', '-w', '-D', 'FORWARD', ...rule]);
  }

  async #closed(): Promise<readonly ClosedChain[]> {
    const { code, stdout } = await this.#exec(['nft', '-j', 'list', 'chains']);
    return code === 0 ? closedChains(stdout) : [];
  }

  async #listing({ family, table, name }: ClosedChain): Promise<string> {
    return (await this.#exec(['nft', '-a', 'list', 'chain', family, table, name])).stdout;
  }

  async #openLegacy(): Promise<void> {
    if (!(await this.#legacyDrops())) return;
    for (const rule of legacyArguments()) {
      const there = await this.#exec(['iptables-legacy', '-w', '-C', 'FORWARD', ...rule]);
      if (there.code !== 0) await this.#exec(['iptables-legacy', '-w', '-I', 'FORWARD', ...rule]);
    }
  }

  /** The kernel names the tables of the older iptables only where it was used. */
  async #legacyDrops(): Promise<boolean> {
    const names = await this.#exec(['cat', '/proc/net/ip_tables_names']);
    if (!names.stdout.includes('filter')) return false;
    const { stdout } = await this.#exec(['iptables-legacy', '-w', '-S', 'FORWARD']).catch(() => ({
      stdout: '',
    }));
    return stdout.includes('-P FORWARD DROP');
  }
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
