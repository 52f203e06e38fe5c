import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/e2e/bundle-once.ts',
          execArgv: ['--import', './scripts/quick-boot.ts'],
          // They wait more than they compute. Files share four processes, each with instances of its own.
          isolate: false,
          maxWorkers: 4,
          maxConcurrency: 40,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          // Files share a process, so that the modules they test are loaded once and not a hundred times.
          isolate: false,
          maxWorkers: 3,
          // Tests marked concurrent wait for the TTLs and time-outs of registries, and hardly compute.
          maxConcurrency: 40,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
