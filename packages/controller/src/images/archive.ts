import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { Exec } from '@gantry/kit/exec';

const copyTimeoutMs = 300_000;
const refAnnotation = 'org.opencontainers.image.ref.name';

/** An image in an archive: how skopeo names it, and what the user calls it. */
export interface Content {
  readonly ref: string;
  readonly source: string;
}

/** What is in an archive: docker archives and OCI archives name their images in different files. Throws `invalid`. */
export async function contentsOf(exec: Exec, archive: string, fileName: string): Promise<readonly Content[]> {
  const docker = (await readJson(exec, archive, 'manifest.json')) as { RepoTags?: string[] }[] | undefined;
  const oci = (await readJson(exec, archive, 'index.json')) as
    { manifests?: { annotations?: Record<string, string> }[] } | undefined;
  if (!Array.isArray(docker) && !oci)
    throw new GantryError('invalid', `${fileName} is neither a docker archive nor an OCI archive`, {
      hint: 'make one with `docker save NAME:TAG -o FILE`',
    });
  const names = Array.isArray(docker)
    ? docker.flatMap(({ RepoTags }) => RepoTags ?? [])
    : (oci?.manifests ?? []).flatMap(({ annotations }) => annotations?.[refAnnotation] ?? []);
  if (names.length === 0)
    throw new GantryError('invalid', `${fileName} names no image`, { hint: 'save it with a name and tag' });
  const transport = Array.isArray(docker) ? 'docker-archive' : 'oci-archive';
  return names.map((ref) => ({ ref, source: `${transport}:${archive}:${ref}` }));
}

async function readJson(exec: Exec, archive: string, name: string): Promise<unknown> {
  const { code, stdout } = await exec(['tar', '-xOf', archive, name], { maxOutput: 4 << 20 });
  try {
    return code === 0 ? (JSON.parse(stdout) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

/** Copies an image out of an archive into `blobsDir`; answers with the digest of its manifest. */
export async function importImage(
  exec: Exec,
  { source, ref }: Content,
  blobsDir: string,
  work: string,
): Promise<string> {
  const layout = join(work, 'oci');
  await rm(layout, { recursive: true, force: true });
  const argv = [
    'skopeo', '--insecure-policy', 'copy', '--quiet', '--dest-shared-blob-dir', blobsDir, source, `oci:${layout}:image`,
  ]; // prettier-ignore
  const { code, stderr } = await exec(argv, { timeoutMs: copyTimeoutMs });
  if (code !== 0) {
    const said = /msg="((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1] ?? stderr.trim();
    throw new GantryError('invalid', `${ref} could not be read from the archive: ${said.slice(0, 300)}`);
  }
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  return index.manifests[0]?.digest ?? '';
}

/** Keeps an upload until it is read. */
export async function keepUpload(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
  } finally {
    await file.close();
  }
}
