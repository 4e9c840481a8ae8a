import { GantryError } from '@gantry/kit/errors';
import {
  contentKinds,
  newestOf,
  payloadId,
  type ContentKind,
  type ContentVersion,
} from '@gantry/model/content';
import * as fromModel from '@gantry/proto/from-model';
import type { ContentValue, ContentView } from '@gantry/proto/gen/gantry/v1/content';
import type { ControlServer } from '@gantry/proto/gen/gantry/v1/control';
import * as toModel from '@gantry/proto/to-model';
import type { View, Write } from '../store/store.ts';
import { Contents, type ContentDeps, type GivenContent } from './contents.ts';
import { usersOf } from './content-users.ts';
import { unary } from './errors.ts';
import { pinned, placedIn } from './pins.ts';
import { Writer } from './writer.ts';

type ContentCalls = Pick<
  ControlServer,
  'createContent' | 'listContents' | 'inspectContent' | 'removeContents' | 'resolveContents'
>;

/** The calls about configs and secrets. No answer holds the value of a secret. */
export function contentCalls(deps: ContentDeps): ContentCalls {
  const contents = new Contents(deps);
  const writer = new Writer(deps);
  const view = (): View => deps.store.view();
  return {
    createContent: unary(async ({ content }) => {
      if (!content) throw new GantryError('invalid', 'what should be made is not said');
      const given = givenOf(content);
      const { made } = await contents.put(given, undefined);
      return { content: viewOf(view(), given.kind, given.name), created: made };
    }),
    listContents: unary(({ kind }) => {
      const known = kindOf(kind);
      const names = [...new Set([...view().all(known)].map(({ name }) => name))].sort();
      return { contents: names.map((name) => viewOf(view(), known, name)) };
    }),
    inspectContent: unary(({ kind, name, number }) => {
      const known = kindOf(kind);
      const version = wanted(view(), known, name, number);
      const value = known === 'config' ? contents.read(view(), version) : undefined;
      return { content: viewOf(view(), known, name), value };
    }),
    removeContents: unary(async ({ kind, names }) => {
      const known = kindOf(kind);
      await writer.commit((now) =>
        [...new Set(names)].map((name) => ({ answer: undefined, writes: removal(now, known, name) })),
      );
      return {};
    }),
    resolveContents: unary(({ stack, services, contents: values }) => {
      const specs = services.map(toModel.serviceSpec);
      const pins = contents.foresee(view(), values.map(givenOf), stack, placedIn(specs));
      return { services: pinned(view(), specs, pins).map(fromModel.serviceSpec) };
    }),
  };
}

/** Throws `invalid` for a kind that is none. */
export function givenOf({ kind, name, value }: ContentValue): GivenContent {
  return { kind: kindOf(kind), name, value };
}

function kindOf(text: string): ContentKind {
  const kind = contentKinds.find((known) => known === text);
  if (kind) return kind;
  throw new GantryError('invalid', `"${text}" is neither config nor secret`);
}

function viewOf(view: View, kind: ContentKind, name: string): ContentView {
  const versions = [...view.versionsOf(kind, name)].sort((a, b) => b.number - a.number);
  return {
    kind,
    name,
    stack: versions[0]?.stack ?? '',
    versions: versions.map(({ number, size, createdAt }) => ({
      number,
      sizeBytes: size,
      createdAt,
      usedBy: [...usersOf(view, kind, name, number)],
    })),
  };
}

function wanted(view: View, kind: ContentKind, name: string, number: number | undefined): ContentVersion {
  const versions = [...view.versionsOf(kind, name)];
  const version = number === undefined ? newestOf(versions) : versions.find((one) => one.number === number);
  if (version) return version;
  const kept = versions.map((one) => one.number).sort((a, b) => a - b);
  if (kept.length === 0) throw missing(view, kind, name);
  throw new GantryError('not_found', `${kind} ${name} has no version ${number ?? ''}`, {
    hint: `it has ${kept.join(', ')}`,
  });
}

/** Versions before their bytes: if this were cut in two, nobody could take a version without bytes. */
function removal(view: View, kind: ContentKind, name: string): readonly Write[] {
  const versions = [...view.versionsOf(kind, name)];
  if (versions.length === 0) throw missing(view, kind, name);
  const users = usersOf(view, kind, name);
  if (users.length > 0)
    throw new GantryError('conflict', `${kind} ${name} is used by ${users.join(', ')}`, {
      hint: 'take it out of the service, or remove the service; what a service may go back to counts, too',
    });
  const payloads = versions.flatMap((version) => view.get('payload', payloadId(version)) ?? []);
  return [...versions, ...payloads].map((object) => {
    const { kind: of, id, version } = object;
    return { op: 'delete', kind: of, id, version };
  });
}

function missing(view: View, kind: ContentKind, name: string): GantryError {
  const near = [...new Set([...view.all(kind)].map((one) => one.name))].filter((known) =>
    known.endsWith(`_${name}`),
  );
  return new GantryError('not_found', `there is no ${kind} ${name}`, {
    hint: near.length === 0 ? `gantry ${kind} ls shows them` : `there is ${near.slice(0, 5).join(', ')}`,
  });
}
