export { native } from './native.ts'
