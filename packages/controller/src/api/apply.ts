import { createHash } from 'node:crypto';
import { asGantryError, GantryError } from '@gantry/kit/errors';
import { idFromBytes } from '@gantry/model/ids';
import type { RegistryCredential } from '@gantry/model/registry';
import type { ResolvedImage, Revision, Service, ServiceSpec } from '@gantry/model/service';
import { same } from '@gantry/model/spec-change';
import type { AppliedService } from '@gantry/proto/gen/gantry/v1/control';
import { maxGivenContentBytes } from '@gantry/model/content';
import type { CredentialStore } from '../images/credentials.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { View, Write } from '../store/store.ts';
import { check, checkDependencies, checkPorts } from './checks.ts';
import { contentKey, Contents, type ContentDeps, type GivenContent, type Pins } from './contents.ts';
import { FieldError } from './errors.ts';
import { resolvingOf } from './images.ts';
import { checkNetworks } from './networks.ts';
import { fullName, serviceNamed, servicesNamed } from './names.ts';
import { holdingVersions, mustBeThere, pinned, pinWords, placedIn } from './pins.ts';
import { existingRevision, newRevision, nextNumber } from './revisions.ts';
import { checkToken, touched } from './token.ts';
import { Writer, type Step } from './writer.ts';

export interface ApplyDeps extends ContentDeps {
  readonly images: Pick<ImageStore, 'resolve'>;
  readonly credentials: CredentialStore;
  readonly newId: () => string;
}

/** What a user wants of one stack. */
export interface Wanted {
  readonly stack: string;
  readonly specs: readonly ServiceSpec[];
  /** Services of the stack that are not given go. */
  readonly prune: boolean;
  readonly credentials?: readonly RegistryCredential[];
  /** Configs and secrets of the stack; those that no service names are left out. */
  readonly contents?: readonly GivenContent[];
}

/** Images by the name that users wrote. */
export type Images = ReadonlyMap<string, ResolvedImage>;

export interface Prepared {
  readonly view: View;
  readonly images: Images;
  /** Versions of configs and secrets that services would get. */
  readonly pins: readonly string[];
  readonly steps: readonly Step<AppliedService>[];
}

/** Writes what users want: specs, revisions, and that a service should go. Nothing else in the system touches a spec. */
export class Apply {
  readonly #deps: ApplyDeps;
  readonly #writer: Writer;
  readonly #contents: Contents;

  constructor(deps: ApplyDeps) {
    this.#deps = deps;
    this.#contents = new Contents(deps);
    this.#writer = new Writer(deps);
  }

  /**
   * All of the stack as given, or an error and nothing changed. With `prune`, services that are not given are removed; with
   * a plan's token, `conflict` if the world that it read has changed.
   */
  async apply(wanted: Wanted, token = ''): Promise<readonly AppliedService[]> {
    const { stack, specs, prune, credentials = [] } = wanted;
    check(stack, specs);
    const view = this.#deps.store.view();
    checkDependencies(view, stack, specs, prune);
    const stacks = new Set([...view.all('service')].map(({ spec }) => spec.stack));
    await this.#deps.credentials.put(stack, credentials, stacks);
    const images = await this.#resolveAll(view, specs, this.#deps.credentials);
    const pins = await this.#contents.ensure(named(wanted), stack, placedIn(specs));
    return this.#writer.commit((view) => {
      const settled = pinned(view, specs, pins);
      mustBeThere(view, settled);
      if (token !== '') checkToken(token, view, stack, images, pinWords(settled));
      const steps = this.#decide(view, { stack, prune, specs: settled }, images);
      return token === '' ? steps : touched(view, stack, steps);
    });
  }

  /** What `apply` would write now, and the bytes that it would do it with. Writes nothing, not even credentials. */
  async prepare(wanted: Wanted): Promise<Prepared> {
    const { stack, specs, prune, credentials = [] } = wanted;
    check(stack, specs);
    const before = this.#deps.store.view();
    checkDependencies(before, stack, specs, prune);
    const find: CredentialStore['find'] = (of, registry) =>
      credentials.find((one) => one.registry === registry) ?? this.#deps.credentials.find(of, registry);
    const images = await this.#resolveAll(before, specs, { find });
    const view = this.#deps.store.view();
    const pins: Pins = this.#contents.foresee(view, named(wanted), stack, placedIn(specs));
    const settled = pinned(view, specs, pins);
    const steps = this.#decide(view, { stack, prune, specs: settled }, images);
    return { view, images, pins: pinWords(settled), steps };
  }

  #decide(view: View, { stack, specs, prune }: Wanted, images: Images): readonly AppliedStep[] {
    checkPorts(view, specs);
    checkNetworks(view, specs);
    const put = specs.map((spec) => this.#put(view, spec, images));
    const applied = holdingVersions(view, specs, put);
    const given = new Set(specs.map(({ name }) => name));
    const gone = prune ? [...view.servicesOfStack(stack)].filter(({ spec }) => !given.has(spec.name)) : [];
    return [...applied, ...gone.filter(({ removing }) => !removing).map(remove)];
  }

  removeServices(names: readonly string[]): Promise<readonly AppliedService[]> {
    return this.#writer.commit((view) => {
      const services = new Map(
        names.flatMap((name) => servicesNamed(view, name)).map((service) => [service.id, service]),
      );
      return [...services.values()].map(remove);
    });
  }

  async scale(name: string, replicas: number): Promise<AppliedService> {
    const [scaled] = await this.#writer.commit((view) => {
      const service = serviceNamed(view, name);
      if (service.spec.mode.kind === 'global') {
        throw new GantryError('invalid', `${fullName(service)} is global: it runs once on every host`, {
          hint: 'set deploy.mode: replicated to choose a number',
        });
      }
      const spec = { ...service.spec, mode: { kind: 'replicated', replicas } } as const;
      check(spec.stack, [spec]);
      if (service.spec.mode.replicas === replicas) return [unchanged(service)];
      return [{ answer: answer(service, 'updated'), writes: [{ op: 'put', object: { ...service, spec } }] }];
    });
    if (!scaled) throw new GantryError('internal', 'nothing was scaled');
    return scaled;
  }

  /** One distinct image is asked for once; an unknown one names the service that wants it. */
  async #resolveAll(
    view: View,
    specs: readonly ServiceSpec[],
    credentials: Pick<CredentialStore, 'find'>,
  ): Promise<Images> {
    const wanted = new Map(specs.map((spec) => [spec.container.image, spec]));
    const resolved = await Promise.all(
      [...wanted].map(async ([ref, spec]) => {
        try {
          const how = resolvingOf(view, credentials, spec);
          return [ref, await this.#deps.images.resolve(ref, how)] as const;
        } catch (error) {
          throw new FieldError(`services.${spec.name}.image`, asGantryError(error));
        }
      }),
    );
    return new Map(resolved);
  }

  #put(view: View, spec: ServiceSpec, images: Images): AppliedStep {
    const image = images.get(spec.container.image);
    if (!image) throw new GantryError('internal', `image ${spec.container.image} was not resolved`);
    const service = view.serviceNamed(spec.stack, spec.name);
    if (!service) return this.#create(spec, image);
    if (service.removing) {
      throw new GantryError('conflict', `${fullName(service)} is still being removed`, {
        hint: 'try again in a moment',
      });
    }
    const known = existingRevision(view, service, spec, image);
    if (known?.id === service.revisionId && same(service.spec, spec)) return unchanged(service);
    const revision = known ?? this.#revision(service.id, nextNumber(view, service), spec, image);
    const object: Service = { ...service, spec, revisionId: revision.id };
    return {
      answer: answer(service, 'updated'),
      writes: [...(known ? [] : [revision]), object].map((o): Write => ({ op: 'put', object: o })),
    };
  }

  #create(spec: ServiceSpec, image: ResolvedImage): AppliedStep {
    const id = serviceIdOf(spec);
    const revision = this.#revision(id, 1, spec, image);
    const service: Service = {
      kind: 'service',
      id,
      version: 0,
      spec,
      revisionId: revision.id,
      removing: false,
      restarts: {},
      createdAt: this.#deps.clock.now(),
    };
    return {
      answer: answer(service, 'created'),
      writes: [revision, service].map((o): Write => ({ op: 'put', object: o })),
    };
  }

  #revision(serviceId: string, number: number, spec: ServiceSpec, image: ResolvedImage): Revision {
    const at = { id: this.#deps.newId(), serviceId, number, createdAt: this.#deps.clock.now() };
    return newRevision({ ...at, cause: 'applied' }, spec, image);
  }
}

type AppliedStep = Step<AppliedService>;

/** Of the configs and secrets that were given, those that services name. Throws `invalid` for more than a call may bring. */
function named({ specs, contents = [] }: Wanted): readonly GivenContent[] {
  const total = contents.reduce((sum, { value }) => sum + value.length, 0);
  if (total > maxGivenContentBytes)
    throw new GantryError(
      'invalid',
      `the configs and secrets of one file are more than ${maxGivenContentBytes >> 20} MiB`,
    );
  const mounts = specs.flatMap(({ container }) => container.contents ?? []);
  const names = new Set(mounts.map(({ kind, source }) => contentKey(kind, source)));
  return contents.filter(({ kind, name }) => names.has(contentKey(kind, name)));
}

/**
 * The id follows from the name, so that two users who create the same service at once meet as a conflict of one object, also
 * when the answer to the first was lost.
 */
function serviceIdOf({ stack, name }: ServiceSpec): string {
  return idFromBytes(createHash('sha256').update(`${stack}/${name}`).digest());
}

export function answer(service: Service, change: string): AppliedService {
  return { serviceId: service.id, name: fullName(service), change };
}

export function unchanged(service: Service): AppliedStep {
  return { answer: answer(service, 'unchanged'), writes: [] };
}

function remove(service: Service): AppliedStep {
  const writes: readonly Write[] = service.removing
    ? []
    : [{ op: 'put', object: { ...service, removing: true } }];
  return { answer: answer(service, 'removed'), writes };
}
