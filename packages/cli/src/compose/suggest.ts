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

/** Levenshtein's: insertions, deletions and replacements. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
