export { OPERATIONS, type OperationName } from '@tandem/wire'
