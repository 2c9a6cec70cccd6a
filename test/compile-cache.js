import { join } from 'node:path'

/** Services that tests start as processes strip and compile their sources once, not at every start. */
export default function compileCache() {
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compile')
}
