import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'architecture', include: ['tests/architecture.test.ts'] } },
      {
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'proto/src/**/*.test.ts',
            'tests/support/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          exclude: ['**/*.host.test.ts'],
          // Properties take a second alone; on a machine that is busy with others they must not fail.
          testTimeout: 30_000,
        },
      },
      {
        // Against real parts on this machine (etcd, NATS, runc, conmon, nft, a registry); need root.
        test: {
          name: 'host',
          include: ['packages/*/src/**/*.host.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      // Computes for up to a minute alone; beside tests of hosts, behind which it runs, several times as long.
      { test: { name: 'sim', include: ['tests/sim/**/*.test.ts'], testTimeout: 600_000 } },
      {
        test: {
          name: 'e2e',
          globalSetup: 'tests/support/fresh-build.mjs',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
