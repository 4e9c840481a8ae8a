import type { RegistryCredential } from '@gantry/model/registry';

/** Where a registry's credential is, by `~/.docker/config.json`: in the file, or with a program. */
export type Found =
  | { readonly kind: 'given'; readonly credential: RegistryCredential }
  | { readonly kind: 'helper'; readonly helper: string; readonly server: string };

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** Docker Hub is kept under the name of its first version. */
const hub = 'https://index.docker.io/v1/';

/** The credential for a registry, as docker looks it up: a helper of its own, the store of all, the file itself. */
export function findCredential(text: string, registry: string): Found | undefined {
  const config = parse(text);
  const server = registry === 'docker.io' ? hub : registry;
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined && /^[A-Za-z0-9_.-]+$/.test(helper)) return { kind: 'helper', helper, server };
  const names = registry === 'docker.io' ? [hub, 'docker.io', 'index.docker.io'] : [registry];
  const keys = names.flatMap((name) => [
    name,
    `https://${name}`,
    `https://${name}/`,
    `https://${name}/v1/`,
    `https://${name}/v2/`,
  ]);
  for (const key of keys) {
    const entry = config.auths?.[key];
    const credential = entry && fromEntry(registry, entry);
    if (credential) return { kind: 'given', credential };
  }
  return undefined;
}

/** What a credential helper answered on stdout; undefined if it has none. */
export function fromHelper(registry: string, stdout: string): RegistryCredential | undefined {
  const { Username, Secret } = parse(stdout) as { readonly Username?: unknown; readonly Secret?: unknown };
  if (typeof Username !== 'string' || typeof Secret !== 'string' || Secret === '') return undefined;
  if (Username === '<token>') return { registry, username: '', password: '', identityToken: Secret };
  return { registry, username: Username, password: Secret };
}

function fromEntry(
  registry: string,
  { auth, identitytoken }: { readonly auth?: string; readonly identitytoken?: string },
): RegistryCredential | undefined {
  const text = Buffer.from(auth ?? '', 'base64')
    .toString('utf8')
    .replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon <= 0) return undefined;
  const credential = { registry, username: text.slice(0, colon), password: text.slice(colon + 1) };
  return identitytoken === undefined || identitytoken === ''
    ? credential
    : { ...credential, identityToken: identitytoken };
}

function parse(text: string): DockerConfig {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
