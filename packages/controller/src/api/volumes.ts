import { asGantryError, GantryError } from '@gantry/kit/errors';
import type { ControlServer } from '@gantry/proto/gen/gantry/v1/control';
import type { VolumeOutcome, VolumeView } from '@gantry/proto/gen/gantry/v1/volume';
import type { RelayHub } from '../relay/relay-hub.ts';
import type { Store } from '../store/store.ts';
import { unary } from './errors.ts';
import { nodeNamed } from './names.ts';
import { listVolumes, namedByServices } from './volume-views.ts';

export interface VolumeDeps {
  readonly store: Store;
  readonly relay: Pick<RelayHub, 'volumes'>;
}

type VolumeCalls = Pick<
  ControlServer,
  'listVolumes' | 'inspectVolume' | 'createVolumes' | 'removeVolumes' | 'pruneVolumes'
>;

type Action = 'create' | 'inspect' | 'remove';
/** Volumes by the name of the node that holds them. */
type Wanted = ReadonlyMap<string, readonly string[]>;

/** The calls about named volumes: nodes are asked over their relay, side by side, and each answers for itself. */
export function volumeCalls({ store, relay }: VolumeDeps): VolumeCalls {
  const ask = async (
    action: Action,
    wanted: Wanted,
    labels: Record<string, string> = {},
  ): Promise<VolumeOutcome[]> => {
    const each = [...wanted].map(async ([node, names]): Promise<VolumeOutcome[]> => {
      try {
        const { id } = nodeNamed(store.view(), node);
        const results = await relay.volumes(id, { action, names: [...names], labels });
        return results.map((result) => ({ node, result }));
      } catch (cause) {
        const { code, message } = asGantryError(cause);
        return names.map((name) => ({ node, result: { name, code, words: message, volume: undefined } }));
      }
    });
    return (await Promise.all(each)).flat();
  };
  return {
    listVolumes: unary(() => listVolumes(store.view())),
    inspectVolume: unary(async ({ name }) => {
      const [volume] = chosen(store, [name], []);
      if (!volume) throw notFound(store, name);
      return { volume, nodes: await ask('inspect', byNode([volume])) };
    }),
    createVolumes: unary(async ({ names, nodes, labels }) => {
      if (nodes.length === 0)
        throw new GantryError('invalid', 'a volume is made on a host, and none was named', {
          hint: 'gantry volume create NAME --node HOST',
        });
      const places = nodes.map((node) => nodeNamed(store.view(), node).name);
      return { outcomes: await ask('create', new Map(places.map((node) => [node, names])), labels) };
    }),
    removeVolumes: unary(async ({ names, nodes }) => ({
      outcomes: await ask('remove', byNode(chosen(store, names, nodes))),
    })),
    pruneVolumes: unary(async ({ dryRun, all }) => {
      const wanted = byNode(unused(store, all));
      return { outcomes: dryRun ? asAsked(wanted) : await ask('remove', wanted) };
    }),
  };
}

/** The volumes of these names on these nodes (none: all). Throws `not_found` for one that none of them holds. */
function chosen(store: Store, names: readonly string[], nodes: readonly string[]): readonly VolumeView[] {
  const view = store.view();
  const only = new Set(nodes.map((name) => nodeNamed(view, name).id));
  const known = new Map(listVolumes(view).volumes.map((volume) => [volume.name, volume]));
  return [...new Set(names)].map((name) => {
    const copies = (known.get(name)?.copies ?? []).filter(
      ({ nodeId }) => only.size === 0 || only.has(nodeId),
    );
    if (copies.length === 0) throw notFound(store, name, nodes);
    return { name, copies };
  });
}

/** Copies that no task uses, of volumes that no service has or may go back to; `all`: of any volume. */
function unused(store: Store, all: boolean): readonly VolumeView[] {
  const named = namedByServices(store.view());
  return listVolumes(store.view())
    .volumes.filter(({ name }) => all || !named.has(name))
    .map(({ name, copies }) => ({ name, copies: copies.filter(({ usedBy }) => usedBy.length === 0) }));
}

function byNode(volumes: readonly VolumeView[]): Wanted {
  const wanted = new Map<string, string[]>();
  for (const { name, copies } of volumes)
    for (const { node } of copies) wanted.set(node, [...(wanted.get(node) ?? []), name]);
  return wanted;
}

/** What would be removed. */
function asAsked(wanted: Wanted): VolumeOutcome[] {
  return [...wanted].flatMap(([node, names]) =>
    names.map((name) => ({ node, result: { name, code: '', words: '', volume: undefined } })),
  );
}

function notFound(store: Store, name: string, nodes: readonly string[] = []): GantryError {
  const { volumes } = listVolumes(store.view());
  const near = volumes
    .map((volume) => volume.name)
    .filter((known) => known.endsWith(`_${name}`) || known.startsWith(name));
  const where = nodes.length === 0 ? '' : ` on ${nodes.join(', ')}`;
  return new GantryError('not_found', `there is no volume ${name}${where}`, {
    hint: near.length === 0 ? 'gantry volume ls shows them' : `there is ${near.slice(0, 5).join(', ')}`,
  });
}
