/** What `gantry run` was told, as its flags say it. */
export interface RunFlags {
  readonly name?: string;
  readonly stack?: string;
  readonly env?: readonly string[];
  readonly volume?: readonly string[];
  readonly network?: readonly string[];
  readonly constraint?: readonly string[];
  readonly cpus?: string;
  readonly memory?: string;
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  /** The run is stopped, and has failed, after so long. */
  readonly deadline?: string;
  readonly keep?: boolean;
}

/** Tasks and logs of a run that is kept stay this long. */
export const keptFor = '24h';

/** The Compose file that says the same: what a file may not say, flags may not either, and it is refused in the same words. */
export function runDocument(
  name: string,
  image: string,
  command: readonly string[],
  flags: RunFlags,
): string {
  const { env = [], volume = [], network = [], constraint = [], cpus, memory, deadline } = flags;
  const limits = { ...(cpus !== undefined && { cpus }), ...(memory !== undefined && { memory }) };
  const named = volume.map(nameOf).filter((source) => source !== undefined);
  const service = {
    image,
    ...(command.length > 0 && { command }),
    ...(flags.entrypoint !== undefined && { entrypoint: [flags.entrypoint] }),
    ...(env.length > 0 && { environment: env }),
    ...(volume.length > 0 && { volumes: volume }),
    ...(network.length > 0 && { networks: network }),
    ...(flags.workdir !== undefined && { working_dir: flags.workdir }),
    ...(flags.user !== undefined && { user: flags.user }),
    deploy: {
      mode: 'replicated-job',
      ...(Object.keys(limits).length > 0 && { resources: { limits } }),
      ...(constraint.length > 0 && { placement: { constraints: constraint } }),
    },
    'x-gantry': { job: { retries: 0, ttl: keptFor, ...(deadline !== undefined && { deadline }) } },
  };
  const external = (names: readonly string[]): object =>
    Object.fromEntries(names.map((one) => [one, { external: true }]));
  const document = {
    services: { [name]: service },
    ...(network.length > 0 && { networks: external(network) }),
    ...(named.length > 0 && { volumes: external(named) }),
  };
  // A file's variables are not a command line's: the shell has filled those in.
  return JSON.stringify(document, undefined, 1).replaceAll('$', '$$$$');
}

/** The named volume of `NAME:/path[:ro]`; undefined for a path of the host. */
function nameOf(mount: string): string | undefined {
  const source = mount.split(':')[0] ?? '';
  return mount.includes(':') && !/^[./~]/.test(source) ? source : undefined;
}

/** A name that nobody else is likely to have: the image's, and some letters. */
export function runName(image: string, dice: () => number): string {
  const last = image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
  const base = last
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40);
  const letters = Array.from(
    { length: 5 },
    () => 'abcdefghijkmnpqrstuvwxyz23456789'[Math.floor(dice() * 32)],
  );
  return `${base === '' ? 'run' : base}-${letters.join('')}`;
}
