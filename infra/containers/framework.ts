import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from '../bundle/targets.ts'
import { closureOf, readLock } from '../release/lock.ts'

/**
 * `framework.ts FOLDER`: copies into a bundle what its package.json names and the platform would install, at the versions
 * of the lock file. Of our bundles only functions has any: the Functions Framework. The others stay as they are.
 */
const folder = resolve(process.argv[2] ?? '')
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies?: object }
const wanted = Object.keys(manifest.dependencies ?? {}).map((name) => `node_modules/${name}`)
for (const at of closureOf(readLock(ROOT), wanted)) {
  // a folder inside comes by itself: paths keep their nesting
  const from = join(ROOT, at)
  // an optional package of another platform is locked and not there
  if (existsSync(from)) cpSync(from, join(folder, at), { recursive: true, filter: notNested(from) })
}

/** Packages below this one are copied only if they are needed. */
function notNested(from: string): (source: string) => boolean {
  return (source) => source !== join(from, 'node_modules')
}
