import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'scripts/**/*.test.mjs'],
    // Threads share the compiled JavaScript and start faster than processes; a third would only wait for a core.
    pool: 'threads',
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
