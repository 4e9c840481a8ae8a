import { asGantryError, GantryError } from '@gantry/kit/errors';
import { allSettled } from '@gantry/kit/settled';
import type { TaskAssignment } from '@gantry/model/assignment';
import type { ResolvedImage } from '@gantry/model/service';
import type { Contents } from '../contents/contents.ts';
import type { ImageConfig, Images, OnProgress, Rootfs, UserLookup } from '../images/images.ts';
import type { Attachment, Network } from '../network/network.ts';
import type { ContainerPlan } from '../runtime/runtime.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { ContainerFiles } from './container-files.ts';
import { containerPlan, type ContainerPlanInput } from './container-plan.ts';
import type { Phases } from './phases.ts';
import { forbidden, type HostPolicy } from './policy.ts';

/** The parts of a host that a container is made of. */
export interface HostParts {
  readonly images: Images;
  readonly network: Network;
  readonly volumes: Volumes;
  readonly contents: Contents;
  /** What this host lets containers have of it. */
  readonly policy: HostPolicy;
  readonly lookUpUser: UserLookup;
  readonly files: ContainerFiles;
  /** Why nothing new should be put on the disk; undefined while all is well. */
  readonly pressure?: () => string | undefined;
  /** The disk does not answer: what would touch it is put off, for it would hold one of few threads. Default: it does. */
  readonly diskHangs?: () => boolean;
}

/** What stands on the host for a task before its container. */
export interface Prepared {
  readonly image: ImageConfig;
  readonly attachment: Attachment;
  readonly rootfs: string;
  /** Where on the host its configs and secrets are, by their targets. */
  readonly contents: ReadonlyMap<string, string>;
  /** What of its limits this host cannot give, in words. */
  readonly without: readonly string[];
}

/** Throws `not_allowed` for what this host does not let containers have. */
export function checkPolicy({ policy }: HostParts, { container }: TaskAssignment): void {
  const refused = forbidden(container, policy);
  if (refused) throw new GantryError('not_allowed', refused.message, { hint: refused.hint });
  // Without mounts that map ids (runc 1.2) the layers, which all containers share, would have to belong to each range.
  if (container.isolation?.userns === 'auto') {
    throw new GantryError('invalid', 'this agent cannot give a container users of its own', {
      hint: 'leave userns_mode: auto out; user: and the profile restricted keep root out of it',
    });
  }
}

/** Makes the image present; not on a disk under pressure. `tell` hears now and then how far a long pull is. */
export async function getImage(
  { images, pressure }: HostParts,
  image: ResolvedImage,
  signal: AbortSignal,
  tell: OnProgress,
): Promise<ImageConfig> {
  const why = pressure?.();
  if (why !== undefined) throw new GantryError('exhausted', `DiskPressure: ${why}`);
  return images.ensure(image, signal, tell);
}

/** Lays out the task's configs and secrets. */
export function getContents(
  { contents }: HostParts,
  { taskId, container }: TaskAssignment,
): Promise<Prepared['contents']> {
  return contents.prepare({ taskId, mounts: container.contents ?? [] });
}

/** Mounts the root and attaches the network; the image and the contents are here. */
export async function prepare(
  deps: HostParts,
  task: TaskAssignment,
  { image, contents }: Pick<Prepared, 'image' | 'contents'>,
  phases: Phases,
): Promise<Prepared> {
  const [rootfs, attachment] = await allSettled<[Rootfs, Attachment]>([
    phases.time('mount', () => deps.images.mount(task.taskId, task.image)),
    phases.time('network', () => deps.network.attach(task.taskId, task.hostPorts)),
  ]);
  return { image, contents, attachment, rootfs: rootfs.path, without: await limitNetwork(deps, task) };
}

/** Limits the task's bandwidth if it asks for that; answers why it cannot be. It runs all the same, and says so. */
export async function limitNetwork({ network }: HostParts, task: TaskAssignment): Promise<readonly string[]> {
  const bandwidth = task.container.tuning?.bandwidth;
  if (!bandwidth) return [];
  return network.limit(task.taskId, bandwidth).then(
    () => [],
    (error: unknown) => [asGantryError(error).message],
  );
}

/** The container's plan, with its files, its user and its volumes made ready. */
export async function makePlan(
  deps: HostParts,
  task: TaskAssignment,
  { image, contents, attachment, rootfs }: Prepared,
): Promise<ContainerPlan> {
  const { taskId, container } = task;
  const [files, user] = await allSettled<[ContainerPlanInput['files'], ContainerPlan['user']]>([
    deps.files.write(task, attachment.address),
    deps.lookUpUser(rootfs, container.user ?? image.user, container.isolation?.groups),
  ]);
  const mounts = container.volumes ?? [];
  const volumeSources =
    mounts.length > 0
      ? await deps.volumes.prepare({ taskId, mounts, rootfs, owner: user })
      : new Map<string, string>();
  const sources = new Map([...volumeSources, ...contents]);
  return containerPlan({ task, image, rootfs, netns: attachment.netns, user, files, sources });
}

/** Takes all of it away again; the container itself must be gone. Idempotent. Throws `exhausted` while the disk hangs. */
export async function takeDown(deps: HostParts, taskId: string): Promise<void> {
  if (deps.diskHangs?.())
    throw new GantryError('exhausted', 'the disk hangs: what is left of the task is removed later');
  await Promise.all([
    deps.images.unmount(taskId),
    deps.network.detach(taskId),
    deps.volumes.release(taskId),
    deps.contents.release(taskId),
    deps.files.remove(taskId),
  ]);
}
