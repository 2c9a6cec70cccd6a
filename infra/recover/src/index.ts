export { command, type Lines } from './command.ts'
export { EXIT, RecoverError } from './errors.ts'
