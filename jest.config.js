/** ESM, TypeScript stripped by swc; workspaces resolve to their source, so tests run what ships. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  globalSetup: './test/setup.js',
  globalTeardown: './test/teardown.js',
  // Tests wait for networks and processes: a third keeps two cores busy.
  maxWorkers: 3,
  testTimeout: 30_000,
}
