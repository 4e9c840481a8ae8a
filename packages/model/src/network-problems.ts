import { networkingOf, type NetworkAttachment } from './network.ts';
import type { ServiceSpec } from './service.ts';
import type { Problem } from './rules.ts';

/** Docker's rule for names of networks. */
const networkPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** One or more DNS labels; underscores are common in Compose files and harm nobody inside. */
const aliasPattern = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** More than this is a typing error sooner than a wish, and every host keeps them all. */
const maxNetworks = 64;
const maxAliases = 64;
const hourMs = 3_600_000;

/** What is wrong with how a service stands in the network. */
export function networkProblems(spec: ServiceSpec): readonly Problem[] {
  const { networks, expose, drainMs } = networkingOf(spec);
  const problems: Problem[] = networks.flatMap((network, index) =>
    attachmentProblems(network, `networking.networks.${index}`),
  );
  const wrong = (path: string, message: string): void =>
    void problems.push({ path: `networking.${path}`, message });
  if (networks.length > maxNetworks) wrong('networks', `a service may be on at most ${maxNetworks} networks`);
  if (new Set(networks.map(({ name }) => name)).size < networks.length)
    wrong('networks', 'the service is on the same network twice');
  if (!Number.isInteger(drainMs) || drainMs < 0 || drainMs > hourMs)
    wrong('drainMs', 'the time to drain connections must be 0 to 1 h');
  if (expose.some(({ port }) => !Number.isInteger(port) || port < 1 || port > 65_535))
    wrong('expose', 'an exposed port must be 1 to 65535');
  return problems;
}

function attachmentProblems({ name, aliases }: NetworkAttachment, path: string): readonly Problem[] {
  const problems: Problem[] = [];
  if (!networkPattern.test(name))
    problems.push({
      path,
      message: `"${name}" is not a name for a network: use letters, digits, _, . and -`,
    });
  if (aliases.length > maxAliases)
    problems.push({ path, message: `a service may have at most ${maxAliases} aliases on a network` });
  for (const alias of aliases) {
    if (alias.length > 253 || !aliasPattern.test(alias))
      problems.push({
        path,
        message: `alias "${alias}" is not a DNS name: use lower-case letters, digits and dashes`,
      });
  }
  return problems;
}
