/** Words people write for something else: other tools' keys, and mistakes that spelling does not find. */
const meant = new Map<string, string>([
  ['replicas', 'deploy.replicas'],
  ['replica', 'deploy.replicas'],
  ['instances', 'deploy.replicas'],
  ['count', 'deploy.replicas'],
  ['env', 'environment'],
  ['envs', 'environment'],
  ['env_vars', 'environment'],
  ['variables', 'environment'],
  ['envFrom', 'env_file'],
  ['port', 'ports'],
  ['publish', 'ports'],
  ['containerPort', 'ports'],
  ['hostPort', 'ports'],
  ['memory', 'deploy.resources.limits.memory'],
  ['mem', 'deploy.resources.limits.memory'],
  ['memory_limit', 'deploy.resources.limits.memory'],
  ['cpu', 'deploy.resources.limits.cpus'],
  ['cpu_limit', 'deploy.resources.limits.cpus'],
  ['resources', 'deploy.resources'],
  ['limits', 'deploy.resources.limits'],
  ['reservations', 'deploy.resources.reservations'],
  ['requests', 'deploy.resources.reservations'],
  ['args', 'command'],
  ['cmd', 'command'],
  ['workdir', 'working_dir'],
  ['workingDir', 'working_dir'],
  ['cwd', 'working_dir'],
  ['restart_policy', 'deploy.restart_policy'],
  ['restartPolicy', 'deploy.restart_policy'],
  ['constraints', 'deploy.placement.constraints'],
  ['placement', 'deploy.placement'],
  ['nodeSelector', 'deploy.placement.constraints'],
  ['mode', 'deploy.mode'],
  ['update_config', 'deploy.update_config'],
  ['livenessProbe', 'healthcheck'],
  ['readinessProbe', 'healthcheck'],
  ['imagePullPolicy', 'pull_policy'],
  ['volumeMounts', 'volumes'],
  ['securityContext', 'user'],
  ['terminationGracePeriodSeconds', 'stop_grace_period'],
  ['containers', 'services'],
  ['service', 'services'],
]);

/** What an unknown key probably means: the nearest of the known, or a usual mistake (only where `usual` says so). */
export function suggestion(key: string, known: readonly string[], usual = true): string | undefined {
  const mistake = meant.get(key);
  if (mistake !== undefined && (known.includes(mistake) || usual)) return mistake;
  const near = known
    .map((word) => ({ word, distance: distance(key.toLowerCase().slice(0, 64), word.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(1, Math.floor(key.length / 3)) ? near.word : undefined;
}

/** Insertions, deletions, replacements and swapped neighbours that make one word of the other (optimal string alignment). */
export function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped));
    }
  }
  return at(a.length, b.length);
}
