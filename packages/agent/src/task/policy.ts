import { hostCapabilities, shortCapability } from '@gantry/model/isolation';
import type { ContainerSpec } from '@gantry/model/service';

/** What the operator of a host lets containers have of it; each is a flag of the agent. */
export interface HostPolicy {
  /** Directories and files that may be mounted, with all below them. */
  readonly allowBind: readonly string[];
  /** Devices, with all below them. */
  readonly allowDevice: readonly string[];
  /** Privileged containers, and rights that reach beyond a container. */
  readonly allowPrivileged: boolean;
}

/** Nothing of the host. */
export const closedPolicy: HostPolicy = { allowBind: [], allowDevice: [], allowPrivileged: false };

/** What this host does not allow of a container, and how its operator would; undefined if all is allowed. */
export function forbidden(
  container: ContainerSpec,
  policy: HostPolicy,
): { readonly message: string; readonly hint: string } | undefined {
  if (policy.allowPrivileged) return forbiddenBind(container, policy);
  const reaching = reachingBeyond(container);
  if (reaching !== undefined)
    return {
      message: `this host does not allow ${reaching}`,
      hint: 'its agent would need --allow-privileged',
    };
  return forbiddenDevice(container, policy) ?? forbiddenBind(container, policy);
}

function reachingBeyond({ isolation = {}, capAdd }: ContainerSpec): string | undefined {
  const capability = capAdd.find((name) => hostCapabilities.includes(shortCapability(name)));
  if (isolation.profile === 'privileged') return 'privileged containers';
  if (capability !== undefined) return `the capability ${shortCapability(capability)}`;
  if (isolation.seccomp === 'unconfined') return 'containers without seccomp';
  if (isolation.systemPaths === 'unconfined') return 'containers that see all of /proc and /sys';
  if ((isolation.oomScoreAdj ?? 0) < 0) return 'an oom_score_adj below 0, which puts others at risk';
  return undefined;
}

function forbiddenDevice({ isolation }: ContainerSpec, policy: HostPolicy) {
  const device = isolation?.devices?.find(({ source }) => !isBelowOneOf(source, policy.allowDevice));
  if (!device) return undefined;
  const { source } = device;
  return {
    message: `this host does not allow the device ${source}`,
    hint: `its agent would need --allow-device ${source}`,
  };
}

function forbiddenBind({ volumes = [] }: ContainerSpec, policy: HostPolicy) {
  const bind = volumes.find(
    (mount) => mount.kind === 'bind' && !isBelowOneOf(mount.source, policy.allowBind),
  );
  if (bind?.kind !== 'bind') return undefined;
  return {
    message: `this host does not allow its path ${bind.source} in containers`,
    hint: `its agent would need --allow-bind ${bind.source}; a named volume needs no leave`,
  };
}

/** True if the path is one of the roots or below it, by its words alone. */
export function isBelowOneOf(path: string, roots: readonly string[]): boolean {
  const wanted = path.split('/').filter(Boolean);
  return roots.some((root) => {
    const parts = root.split('/').filter(Boolean);
    return parts.every((part, index) => wanted[index] === part) && !wanted.includes('..');
  });
}
