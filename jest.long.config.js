import base from './jest.config.js'

/** What takes minutes and needs no run for every change: `npm run test:long`. */
export default { ...base, testMatch: ['**/*.long.ts'], testTimeout: 60_000 }
