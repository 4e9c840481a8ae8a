import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep, type Clock } from '@gantry/kit/clock';
import { GantryError } from '@gantry/kit/errors';
import type { Exec, ExecResult } from '@gantry/kit/exec';
import { withSecretFile } from '@gantry/kit/secret-file';
import { isInsecure, repositoryOf } from '@gantry/model/image-ref';
import { authFileOf, explainRegistryFailure, type RegistryCredential } from '@gantry/model/registry';
import type { ResolvedImage } from '@gantry/model/service';
import type { Manifest } from './manifest.ts';
import type { ImageSource, Fetch } from './source.ts';

export interface SkopeoDeps {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly insecureRegistries: readonly string[];
  /** What the user gave for the registry of this image, asked for at each pull and not kept. */
  /** A pull may be without a single new byte for this long; for tests, ms. */
  readonly stallMs?: number;
  readonly credential: (ref: string, signal: AbortSignal) => Promise<RegistryCredential | undefined>;
}

/** A manifest is small: a registry must send it within, ms. */
const manifestTimeoutMs = 30_000;
/** A pull may take this long in all, and be without a single new byte for this long unless told otherwise, ms. */
const pullTimeoutMs = 3_600_000;
const defaultStallMs = 60_000;
const lookEveryMs = 500;
/** What may lie in the directory of a pull beside blobs, bytes. */
const slackBytes = 1 << 20;

/** A command line, with the file of a credential if there is one. */
type Argv = (authFile?: string) => readonly string[];

/** An image's bytes from its registry, moved by skopeo, which checks every digest on the way. */
export class RegistrySource implements ImageSource {
  readonly #deps: SkopeoDeps;
  readonly #image: ResolvedImage;

  constructor(deps: SkopeoDeps, image: ResolvedImage) {
    this.#deps = deps;
    this.#image = image;
  }

  async document(digest: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const argv: Argv = (auth) => [
      'skopeo', 'inspect', '--raw', ...this.#options(auth, ''), this.#name(digest),
    ]; // prettier-ignore
    // Read as bytes of latin1 would be: what is not UTF-8 has another digest, and is refused by it.
    const stdout = await this.#skopeo(argv, signal, manifestTimeoutMs, maxBytes + 1);
    return Buffer.from(stdout, 'utf8');
  }

  async fetch({ manifest, dir, missing, onBytes, signal }: Fetch): Promise<void> {
    const layout = join(dir, 'layout');
    await mkdir(layout, { recursive: true, mode: 0o700 });
    const argv: Argv = (auth) => [
      'skopeo', '--insecure-policy', 'copy', '--quiet', '--preserve-digests', '--dest-shared-blob-dir', join(dir, 'blobs'),
      ...this.#options(auth, 'src-'), this.#name(manifest.digest), `oci:${layout}:image`,
    ]; // prettier-ignore
    const watch = new AbortController();
    const stop = (): void => watch.abort();
    signal.addEventListener('abort', stop, { once: true });
    const watching = this.#watch(dir, missing, onBytes, watch);
    try {
      await this.#skopeo(argv, watch.signal, pullTimeoutMs, 1 << 16);
    } catch (error) {
      throw watch.signal.reason instanceof GantryError ? watch.signal.reason : error;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
      await watching;
    }
  }

  /** skopeo tells nothing while it works: its files do. Too many bytes, or none for a while, end the pull. */
  async #watch(
    dir: string,
    missing: Manifest['layers'],
    onBytes: (bytes: number) => void,
    pull: AbortController,
  ): Promise<void> {
    const { clock, stallMs = defaultStallMs } = this.#deps;
    const most = missing.reduce((sum, { size }) => sum + size, slackBytes);
    let [last, lastAt] = [-1, clock.monotonic()];
    while (!pull.signal.aborted) {
      const bytes = await bytesOf(dir, missing);
      if (bytes !== last) [last, lastAt] = [bytes, clock.monotonic()];
      onBytes(bytes);
      if (bytes > most)
        pull.abort(this.#failed('image_refused', 'the registry sends more bytes than the manifest says'));
      else if (clock.monotonic() - lastAt > stallMs)
        pull.abort(this.#failed('unreachable', `the registry sent nothing for ${stallMs / 1_000} s`));
      else await sleep(clock, lookEveryMs, pull.signal);
    }
  }

  async #skopeo(argv: Argv, signal: AbortSignal, timeoutMs: number, maxOutput: number): Promise<string> {
    const credential = await this.#deps.credential(this.#image.ref, signal);
    // Without one, skopeo looks for what the operator of this host gave it.
    const run = (auth?: string): Promise<ExecResult> =>
      this.#deps.exec(argv(auth), { timeoutMs, signal, maxOutput, exposed: true });
    const running = credential ? withSecretFile(authFileOf(credential), run) : run();
    const result = await running.catch((error: unknown) => {
      if (signal.aborted) throw new GantryError('cancelled', 'the pull is no longer wanted');
      if (error instanceof GantryError && error.code === 'timeout')
        throw this.#failed('unreachable', `the registry did not answer within ${timeoutMs / 1_000} s`);
      throw error;
    });
    if (result.code === 0) return result.stdout;
    const { code, words, hint } = explainRegistryFailure(result.stderr);
    throw this.#failed(code, words, hint);
  }

  #options(auth: string | undefined, prefix: '' | 'src-'): readonly string[] {
    const insecure = isInsecure(this.#image.ref, this.#deps.insecureRegistries);
    return [
      ...(insecure ? [`--${prefix}tls-verify=false`] : []),
      ...(auth === undefined ? [] : [`--${prefix}authfile=${auth}`]),
    ];
  }

  #name(digest: string): string {
    return `docker://${repositoryOf(this.#image.ref)}@${digest}`;
  }

  #failed(code: GantryError['code'], words: string, hint?: string): GantryError {
    return new GantryError(code, `image ${this.#image.ref}: ${words}`, hint === undefined ? {} : { hint });
  }
}

/** Bytes of a pull so far: the layers that are there, and those that are being written. */
async function bytesOf(dir: string, missing: Manifest['layers']): Promise<number> {
  const files = [
    ...missing.map(({ digest }) => join(dir, 'blobs', 'sha256', digest.slice('sha256:'.length))),
    ...(await readdir(join(dir, 'layout')).catch(() => [])).filter((name) => name.startsWith('oci-put-blob')).map((name) => join(dir, 'layout', name)),
  ]; // prettier-ignore
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
