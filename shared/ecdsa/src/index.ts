export type { Backend, Point } from './math/backend.ts'
export { hashToField, invertAll, isogeny, swuCandidates } from './math/hash-to-curve.ts'
export { noble, randomPoint } from './math/noble.ts'
export type { AliceSeeds, BobSeeds, KeygenResult, KeyShare, PairSetup } from './share.ts'
