export { type DuoNodeConfig, readDuoNodeConfig } from './config.ts'
export { OPERATIONS, type OperationName } from './operations.ts'
export { type DuoNode, startDuoNode } from './start.ts'
