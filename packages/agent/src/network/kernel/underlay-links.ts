import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec, ExecResult } from '@gantry/kit/exec';
import type { Logger } from '@gantry/kit/log';
import { startTimeOf } from '@gantry/kit/process';
import { linkStands, type LinkWish } from '../plan/observed.ts';
import { readHandshakes, type Handshakes } from '../plan/wireguard.ts';
import { ipBatch } from './commands.ts';
import { deviceSettings } from './host-links.ts';
import type { Settings } from './settings.ts';

export interface UnderlayLinksDeps {
  readonly exec: Exec;
  readonly settings: Settings;
  readonly log: Logger;
  /** Where configurations are written for `wg` to read: keys never stand in an argv. */
  readonly dir: string;
}

/** Where `wireguard-go` and `wg` meet. */
const socketDir = '/var/run/wireguard';
/** `wg` that says nothing for so long speaks with a program that hangs, ms. */
const wgTimeoutMs = 3_000;

/** WireGuard links of this host: the kernel's, or where it has none those of `wireguard-go`, a process each. */
export class UnderlayLinks {
  readonly #deps: UnderlayLinksDeps;
  /** Link → the configuration that it has. */
  readonly #configured = new Map<string, string>();
  #inKernel = true;

  constructor(deps: UnderlayLinksDeps) {
    this.#deps = deps;
  }

  /** Makes the link unless it stands; true if it had to be made. Throws with what is missing on this host. */
  async ensure(link: string, wish: LinkWish): Promise<boolean> {
    const { exec, settings } = this.#deps;
    const { code, stdout } = await exec(['ip', '-j', '-4', 'addr', 'show', 'dev', link]);
    if (code === 0 && linkStands(stdout, wish)) return false;
    const made = code !== 0;
    if (made) await this.#make(link);
    await ipBatch(exec, [
      `addr replace ${wish.address}/32 dev ${link}`,
      `link set ${link} mtu ${wish.mtu} up`,
    ]);
    await settings(deviceSettings(link));
    return made;
  }

  /** Gives the link its key and peers; sessions of peers that stay go on. Costs nothing when nothing changed. */
  async configure(link: string, config: string): Promise<void> {
    if (this.#configured.get(link) === config) return;
    const file = join(this.#deps.dir, `${link}.conf`);
    await writeFile(`${file}.tmp`, config, { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    const { code, stderr } = await this.#wg(link, ['syncconf', link, file]);
    if (code !== 0) throw new GantryError('internal', `wg syncconf ${link} failed: ${stderr.trim()}`);
    this.#configured.set(link, config);
  }

  async handshakes(link: string): Promise<Handshakes> {
    const { code, stdout } = await this.#wg(link, ['show', link, 'latest-handshakes']);
    return code === 0 ? readHandshakes(stdout) : new Map();
  }

  /** Also ends the process that served it. */
  async remove(link: string): Promise<void> {
    this.#configured.delete(link);
    await ipBatch(this.#deps.exec, [`link del ${link}`], { force: true });
    await rm(join(this.#deps.dir, `${link}.conf`), { force: true });
    await endProcesses(link);
    await rm(join(socketDir, `${link}.sock`), { force: true });
  }

  /** Removes the link if it is there: for a host that does not encrypt any more. */
  async dismiss(link: string): Promise<void> {
    const { code } = await this.#deps.exec(['ip', 'link', 'show', 'dev', link]);
    if (code === 0) await this.remove(link);
  }

  async #make(link: string): Promise<void> {
    const { exec, log } = this.#deps;
    this.#configured.delete(link);
    if (this.#inKernel) {
      const { code } = await exec(['ip', 'link', 'add', link, 'type', 'wireguard']);
      if (code === 0) return;
      this.#inKernel = false;
      log.info('this kernel has no WireGuard: wireguard-go does it', {});
    }
    await mkdir(socketDir, { recursive: true, mode: 0o700 });
    await chmod(socketDir, 0o700);
    await endProcesses(link); // one that lost its link is of no use, and holds the socket
    // It goes into the background by itself, and outlives this agent in a session of its own.
    const { code, stderr } = await exec(['setsid', 'wireguard-go', link]).catch((error: unknown) => ({
      code: 127,
      stderr: String(error),
    }));
    if (code === 0) return;
    throw new GantryError('internal', `wireguard-go does not start: ${whyNot(stderr)}`);
  }

  async #wg(link: string, words: readonly string[]): Promise<ExecResult> {
    try {
      return await this.#deps.exec(['wg', ...words], { timeoutMs: wgTimeoutMs });
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'timeout') throw error;
      this.#deps.log.error('wireguard-go hangs: it is started anew', { link });
      await this.remove(link);
      throw new GantryError('internal', 'wireguard-go hung and was ended', { cause: error });
    }
  }
}

function whyNot(stderr: string): string {
  if (/No such file|not found/.test(stderr))
    return 'it is not installed (apt-get install wireguard-go), and this kernel has no WireGuard';
  if (/\/dev\/net\/tun/.test(stderr)) return 'there is no /dev/net/tun (modprobe tun)';
  return stderr.trim().split('\n').at(-1) ?? '';
}

/** Ends every `wireguard-go LINK`; names of links are unique on a machine. The very process that was seen, and no other. */
async function endProcesses(link: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const born = await startTimeOf(pid);
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (basename(argv[0] ?? '') !== 'wireguard-go' || argv[1] !== link) continue;
    if (born === undefined || (await startTimeOf(pid)) !== born) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended by itself
    }
  }
}
