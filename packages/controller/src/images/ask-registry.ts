import { GantryError } from '@gantry/kit/errors';
import type { Exec, ExecResult } from '@gantry/kit/exec';
import { withSecretFile } from '@gantry/kit/secret-file';
import { isInsecure, registryOf } from '@gantry/model/image-ref';
import { authFileOf, explainRegistryFailure, type RegistryCredential } from '@gantry/model/registry';

/** A registry that is asked for a digest must answer within, ms. */
const timeoutMs = 20_000;
export const loadHint = 'gantry image load FILE, or push it to a registry that the cluster can reach';

/** The digest that a tag means now. Throws `image_not_found`, `not_allowed`, `unreachable` … in words for the user. */
export async function askRegistry(
  { exec, insecureRegistries }: { readonly exec: Exec; readonly insecureRegistries: readonly string[] },
  ref: string,
  credential: RegistryCredential | undefined,
): Promise<string> {
  const insecure = isInsecure(ref, insecureRegistries) ? ['--tls-verify=false'] : [];
  const run = (authFile?: string): Promise<ExecResult> => {
    const auth = authFile === undefined ? [] : [`--authfile=${authFile}`];
    const argv = [
      'skopeo',
      'inspect',
      '--no-tags',
      '--format',
      '{{.Digest}}',
      ...insecure,
      ...auth,
      `docker://${ref}`,
    ];
    return exec(argv, { timeoutMs });
  };
  const asking = credential ? withSecretFile(authFileOf(credential), run) : run();
  const { code, stdout, stderr } = await asking.catch(() => {
    throw failed(ref, { code: 'unreachable', words: 'the registry did not answer in time', hint: loadHint });
  });
  const digest = stdout.trim();
  if (code === 0 && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw failed(ref, explainRegistryFailure(stderr));
}

function failed(ref: string, { code, words, hint }: ReturnType<typeof explainRegistryFailure>): GantryError {
  // A short name that is in no registry was most likely to be loaded.
  const message = `image ${ref} is not loaded, and ${registryOf(ref)}: ${words}`;
  return new GantryError(code, message, {
    hint: code === 'unreachable' || hint === undefined ? loadHint : `${hint}; or ${loadHint}`,
  });
}
