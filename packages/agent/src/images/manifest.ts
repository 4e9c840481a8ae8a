import { GantryError } from '@gantry/kit/errors';
import type { ImageConfig } from './images.ts';
import { hexOf } from '@gantry/kit/blobs';
import { imageHealth } from './image-health.ts';

/** An image's parts (OCI image-spec manifest, Docker schema 2). */
export interface Manifest {
  readonly config: string;
  readonly configSize: number;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

export interface ParsedConfig {
  readonly config: ImageConfig;
  readonly diffIds: readonly string[];
}

/** Entries of a list of manifests, one a platform. */
export interface PlatformEntry {
  readonly digest: string;
  readonly os: string;
  readonly arch: string;
}

/** Manifests and configs are small; what is larger is refused unread (bytes). */
export const maxDocumentBytes = 4 << 20;

/** A manifest, or the list of them for several platforms. Throws `image_refused` for what is neither, or both. */
export function parseManifest(bytes: Buffer): Manifest | readonly PlatformEntry[] {
  const document = parse(bytes, 'manifest');
  const { layers, manifests, config } = document;
  // CVE-2021-41190: a document that is both would mean different things to different readers.
  if (Array.isArray(layers) && Array.isArray(manifests)) refuse('its manifest is a list at the same time');
  if (Array.isArray(manifests)) return manifests.map(platformEntry);
  if (!Array.isArray(layers) || !isRecord(config)) refuse('its manifest has no layers or no config');
  return {
    config: digest(config),
    configSize: size(config),
    layers: layers.map((layer) => {
      if (!isRecord(layer)) return refuse('a layer is not described');
      return { digest: digest(layer), size: size(layer) };
    }),
  };
}

/** The entry for this host, by Go's names of os and architecture; throws `image_refused` naming what there is. */
export function choosePlatform(entries: readonly PlatformEntry[], arch: string): PlatformEntry {
  const found = entries.find((entry) => entry.os === 'linux' && entry.arch === arch);
  if (found) return found;
  const known = entries.map((entry) => `${entry.os}/${entry.arch}`).join(', ');
  throw new GantryError('image_refused', `the image is not made for linux/${arch}, only for ${known}`);
}

export function parseImageConfig(bytes: Buffer): ParsedConfig {
  const document = parse(bytes, 'config');
  const config = isRecord(document['config']) ? document['config'] : {};
  const rootfs = isRecord(document['rootfs']) ? document['rootfs'] : {};
  const exposed = isRecord(config['ExposedPorts']) ? config['ExposedPorts'] : {};
  const stopSignal = text(config['StopSignal']);
  const health = imageHealth(config['Healthcheck']);
  return {
    diffIds: texts(rootfs['diff_ids']).map((id) => (hexOf(id), id)),
    config: {
      entrypoint: texts(config['Entrypoint']),
      command: texts(config['Cmd']),
      env: texts(config['Env']),
      workingDir: text(config['WorkingDir']),
      user: text(config['User']),
      exposedPorts: Object.keys(exposed),
      ...(stopSignal !== '' && { stopSignal }),
      ...(health && { health }),
    },
  };
}

function platformEntry(entry: unknown): PlatformEntry {
  if (!isRecord(entry) || !isRecord(entry['platform']))
    return refuse('an entry of its list names no platform');
  return {
    digest: digest(entry),
    os: text(entry['platform']['os']),
    arch: text(entry['platform']['architecture']),
  };
}

function parse(bytes: Buffer, what: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(bytes.toString('utf8'));
    if (isRecord(document)) return document;
  } catch {
    // said below
  }
  return refuse(`its ${what} is not a JSON object`);
}

function digest(descriptor: Record<string, unknown>): string {
  const value = text(descriptor['digest']);
  hexOf(value);
  return value;
}

/** Bytes; an image whose parts say no size, or none that one host could hold, is refused. */
function size(descriptor: Record<string, unknown>): number {
  const value = descriptor['size'];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  return refuse('a part of it has no size');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

function refuse(why: string): never {
  throw new GantryError('image_refused', `the image is refused: ${why}`);
}
