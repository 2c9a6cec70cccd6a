import base from './jest.config.js'

/**
 * What takes minutes and needs no run for every change: `npm run test:long`. A busy machine makes it slower, never red: the
 * timeout is for what hangs.
 */
export default { ...base, testMatch: ['**/*.long.ts'], testTimeout: 1_800_000 }
