import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf } from './tars.ts';

/** The one user of a registry with a login. */
export const user = { username: 'user', password: 's3cret-canary' };
const htpasswd = 'user:$2y$05$abcdefghijklmnopqrstuullx5kP6GYZcFnepqhmI2H03s5Hsbhlm';

export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** The certificate of its authority, if it speaks TLS. */
  readonly ca: string;
  stop(): Promise<void>;
}

/** Starts Debian's docker-registry on loopback: plain, with a login, or with TLS. */
export async function startRegistry(how: { auth?: boolean; tls?: boolean } = {}): Promise<Registry> {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-registry-'));
  mkdirSync(join(dir, 'data'));
  const port = await freePort();
  const ca = join(dir, 'ca.pem');
  if (how.tls)
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=registry',
        '-addext',
        'subjectAltName=DNS:registry.test',
        '-keyout',
        join(dir, 'key.pem'),
        '-out',
        ca,
      ],
      { stdio: 'ignore' },
    );
  writeFileSync(join(dir, 'htpasswd'), `${htpasswd}\n`);
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(dir, 'data') } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(how.tls && { tls: { certificate: ca, key: join(dir, 'key.pem') } }),
    },
    ...(how.auth && { auth: { htpasswd: { realm: 'tests', path: join(dir, 'htpasswd') } } }),
  };
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config)); // JSON is YAML
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await untilListening(port);
  return {
    host: `127.0.0.1:${port}`,
    ca,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true });
    },
  };
}

/** An image to push: layers as archives, and how their bytes are compressed. */
export interface TestImage {
  readonly layers: readonly Buffer[];
  readonly compress?: 'gzip' | 'zstd' | 'none';
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The documents and blobs of an image. */
export interface BuiltImage {
  readonly digest: string;
  readonly manifest: Buffer;
  readonly blobs: readonly Buffer[];
}

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

export function build({ layers, compress = 'gzip', config = { Cmd: ['/bin/run'] } }: TestImage): BuiltImage {
  const packed = layers.map((layer) => {
    if (compress === 'gzip') return gzipSync(layer);
    return compress === 'zstd'
      ? execFileSync('zstd', ['-q', '-c'], { input: layer, maxBuffer: 1 << 28 })
      : layer;
  });
  const document = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    }),
  );
  const suffix = { gzip: '+gzip', zstd: '+zstd', none: '' }[compress];
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(document),
        size: document.length,
      },
      layers: packed.map((layer) => ({
        mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`,
        digest: digestOf(layer),
        size: layer.length,
      })),
    }),
  );
  return { digest: digestOf(manifest), manifest, blobs: [document, ...packed] };
}

/** A list of images by architecture. */
export function buildList(images: Readonly<Record<string, BuiltImage>>): BuiltImage {
  const manifests = Object.entries(images).map(([architecture, { digest, manifest }]) => ({
    mediaType,
    digest,
    size: manifest.length,
    platform: { os: 'linux', architecture },
  }));
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  return { digest: digestOf(manifest), manifest, blobs: [] };
}

/** Pushes by the registry's own API; `tag` may be a digest. */
export async function push(host: string, name: string, tag: string, image: BuiltImage): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  const send = async (
    method: string,
    url: string,
    body?: Buffer,
    type = 'application/octet-stream',
  ): Promise<Response> => {
    const answer = await fetch(url, {
      method,
      headers: { authorization, 'content-type': type },
      ...(body && { body: new Uint8Array(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  for (const blob of image.blobs) {
    const begun = await send('POST', `http://${host}/v2/${name}/blobs/uploads/`);
    const location = new URL(begun.headers.get('location') ?? '', `http://${host}`);
    location.searchParams.set('digest', digestOf(blob));
    await send('PUT', location.href, blob);
  }
  const type = (JSON.parse(image.manifest.toString()) as { mediaType: string }).mediaType;
  await send('PUT', `http://${host}/v2/${name}/manifests/${tag}`, image.manifest, type);
}

/** What a proxy does with a request: true if it answered itself. */
export type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Proxy {
  readonly host: string;
  /** Method and path of each request, with its headers. */
  readonly seen: { readonly url: string; readonly headers: IncomingMessage['headers'] }[];
  meddle: Meddle;
  stop(): Promise<void>;
}

/** Stands before a registry (or before nothing), notes every request, and may answer in its place. */
export async function startProxy(target: string, address = '127.0.0.1'): Promise<Proxy> {
  const seen: Proxy['seen'] = [];
  const proxy = { seen, meddle: (() => false) as Meddle };
  const server = createHttp((incoming, response) => {
    seen.push({ url: incoming.url ?? '', headers: incoming.headers });
    if (proxy.meddle(incoming, response)) return;
    const [hostname, port] = target.split(':');
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return Object.assign(proxy, {
    host: `${address}:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Bounded: the registry listens within a fraction of a second. */
async function untilListening(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const there = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      (error: unknown) => !(error instanceof Error && String(error.cause).includes('ECONNREFUSED')),
    );
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('docker-registry does not listen');
}
