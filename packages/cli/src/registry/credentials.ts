import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exec } from '@gantry/kit/exec';
import { registryOf } from '@gantry/model/image-ref';
import type { RegistryCredential } from '@gantry/model/registry';
import { findCredential, fromHelper } from './docker-config.ts';

export interface CredentialDeps {
  readonly exec: Exec;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A helper may ask a keychain, and that its user; ms. */
const helperTimeoutMs = 30_000;

/** What the user is logged in with at the registries of these images; nothing for those that are public or unknown. */
export async function credentialsFor(
  images: readonly string[],
  { exec, env }: CredentialDeps,
): Promise<RegistryCredential[]> {
  const dir = env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? '/', '.docker');
  const config = await readFile(join(dir, 'config.json'), 'utf8').catch(() => '');
  if (config === '') return [];
  const registries = [...new Set(images.map(registryOf))];
  const found = await Promise.all(
    registries.map((registry) => credentialOf(config, registry, exec, defined(env))),
  );
  return found.flatMap((credential) => credential ?? []);
}

async function credentialOf(
  config: string,
  registry: string,
  exec: Exec,
  env: Readonly<Record<string, string>>,
): Promise<RegistryCredential | undefined> {
  const found = findCredential(config, registry);
  if (found?.kind !== 'helper') return found?.credential;
  // Without an answer the registry is asked without a login, and says itself what is missing.
  const argv = [`docker-credential-${found.helper}`, 'get'];
  const ran = await exec(argv, { input: found.server, timeoutMs: helperTimeoutMs, env }).catch(
    () => undefined,
  );
  return ran?.code === 0 ? fromHelper(registry, ran.stdout) : undefined;
}

function defined(env: CredentialDeps['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}
