import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import { GantryError } from '@gantry/kit/errors';
import type { LoadedImage } from '@gantry/model/image';
import { normalizeRef, registryOf } from '@gantry/model/image-ref';
import type { ResolvedImage, ServiceSpec } from '@gantry/model/service';
import type {
  ControlServer,
  ImageView,
  LoadImageRequest,
  LoadImageResponse,
} from '@gantry/proto/gen/gantry/v1/control';
import type { CredentialStore } from '../images/credentials.ts';
import type { ImageStore, Resolving, UsersOf } from '../images/image-store.ts';
import type { Store, View } from '../store/store.ts';
import { toStatus, unary } from './errors.ts';
import { fullName } from './names.ts';

export interface ImageDeps {
  readonly store: Store;
  readonly images: ImageStore;
}

type ImageCalls = Pick<
  ControlServer,
  'loadImage' | 'listImages' | 'inspectImage' | 'removeImages' | 'pruneImages'
>;

/** The calls about images that users loaded. */
export function imageCalls({ store, images }: ImageDeps): ImageCalls {
  const users = (): UsersOf => usersOf(store.view());
  const views = (list: readonly LoadedImage[]): ImageView[] => {
    const named = users();
    return list.map((image) => imageView(image, named));
  };
  return {
    loadImage: (call, done) => loadImage(images, views, call, done),
    listImages: unary(() => ({ images: views(images.list()) })),
    inspectImage: unary(async ({ name }) => {
      const { image, config, layers } = await images.inspect(name);
      return { image: imageView(image, users()), config, layers: [...layers] };
    }),
    removeImages: unary(async ({ names }) => {
      const removed = await images.remove(names, users());
      return { images: views(removed.images), freedBytes: removed.freedBytes };
    }),
    pruneImages: unary(async (how) => {
      const removed = await images.prune(users(), how);
      return { images: views(removed.images), freedBytes: removed.freedBytes };
    }),
  };
}

/** How the image of a service is looked up: with what was given for its registry, and what the service runs now. */
export function resolvingOf(
  view: View,
  credentials: Pick<CredentialStore, 'find'>,
  spec: ServiceSpec,
): Resolving {
  const { image, pullPolicy } = spec.container;
  const credential = credentials.find(spec.stack, registryOf(image));
  const known = imageNow(view, spec);
  return {
    ...(credential && { credential }),
    ...(pullPolicy !== undefined && { policy: pullPolicy }),
    ...(known && { known: { ...known, ref: image } }),
  };
}

function imageNow(view: View, { stack, name, container }: ServiceSpec): ResolvedImage | undefined {
  const service = view.serviceNamed(stack, name);
  const image = service && view.get('revision', service.revisionId)?.image;
  return image && normalizeRef(image.ref) === normalizeRef(container.image) ? image : undefined;
}

/** By digest: the services that run it, or may go back to it. */
function usersOf(view: View): UsersOf {
  const users = new Map<string, Set<string>>();
  for (const { image, serviceId } of view.all('revision')) {
    const service = view.get('service', serviceId);
    const names = users.get(image.digest) ?? new Set();
    users.set(image.digest, names.add(service ? fullName(service) : serviceId));
  }
  return (digest) => [...(users.get(digest) ?? [])].sort();
}

function imageView({ ref, digest, sizeBytes, loadedAt }: LoadedImage, users: UsersOf): ImageView {
  return { ref, digest, sizeBytes, loadedAt, usedBy: [...users(digest)] };
}

function loadImage(
  images: ImageStore,
  views: (list: readonly LoadedImage[]) => ImageView[],
  call: ServerReadableStream<LoadImageRequest, LoadImageResponse>,
  done: sendUnaryData<LoadImageResponse>,
): void {
  load(images, call).then(
    (loaded) => done(null, { images: views(loaded) }),
    (error: unknown) => done(toStatus(error)),
  );
}

async function load(
  images: ImageStore,
  call: AsyncIterable<LoadImageRequest>,
): Promise<readonly LoadedImage[]> {
  const messages = call[Symbol.asyncIterator]();
  const first = await messages.next();
  const body = first.done === true ? undefined : first.value.body;
  if (body?.$case !== 'fileName') throw new GantryError('invalid', 'an image must be named before its bytes');
  return images.load(chunks(messages), body.value);
}

async function* chunks(messages: AsyncIterator<LoadImageRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    const { body } = next.value;
    if (body?.$case === 'chunk') yield body.value;
  }
}
