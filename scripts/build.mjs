// Bundles cli, controller and agent into dist/. One graph with code splitting, so that `--help` loads almost nothing.
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

/** True if the bundles are newer than every source. */
export function isBuilt() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const sources = ['packages', 'proto/src', 'scripts', 'package.json'].map((name) => join(root, name));
  return sources.every((path) => newest(path) <= built);
}

function newest(path) {
  const info = statSync(path);
  if (!info.isDirectory()) return info.mtimeMs;
  const inside = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.name !== 'node_modules');
  return Math.max(info.mtimeMs, ...inside.map((entry) => newest(join(path, entry.name))));
}

export async function build() {
  const started = Date.now();
  const { build: bundle } = await import('esbuild');
  rmSync(dist, { recursive: true, force: true });
  await bundle({
    absWorkingDir: root,
    entryPoints: {
      cli: 'packages/cli/src/main.ts',
      controller: 'packages/controller/src/main.ts',
      agent: 'packages/agent/src/main.ts',
    },
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    minifySyntax: true,
    logLevel: 'warning',
    // CommonJS dependencies inside an ES module need these three.
    banner: {
      js: [
        "import { createRequire as __createRequire } from 'node:module';",
        "import { fileURLToPath as __fileURLToPath } from 'node:url';",
        'const require = __createRequire(import.meta.url);',
        'const __filename = __fileURLToPath(import.meta.url);',
        "const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
      ].join('\n'),
    },
    // etcd3 and grpc-js read their own files (proto descriptors) at run time.
    external: ['etcd3', '@grpc/grpc-js', 'nats', 'pino', '@lydell/node-pty'],
  });
  writeFileSync(stamp, `${new Date().toISOString()}\n`);
  process.stderr.write(`gantry: built in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
