/**
 * Programs that are an init themselves, by the last part of their path. They want to be process 1 (systemd, s6 and runit end
 * or do half their work when they are not), or do what ours would do.
 */
const inits: readonly string[] = [
  ...['init', 'systemd', 'openrc-init', 'runit-init', 'runsvdir', 'my_init'],
  ...['s6-svscan', 's6-init', 's6-linux-init'],
  ...['tini', 'tini-static', 'dumb-init', 'catatonit', 'docker-init', 'podman-init', 'pid1'],
];

/** True if a container that runs this needs no init of ours, or works only without one. */
export function isInit(program: string): boolean {
  return inits.includes(program.slice(program.lastIndexOf('/') + 1));
}
