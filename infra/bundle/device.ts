import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { noticesOf } from '../release/client.ts'
import { readLock } from '../release/lock.ts'
import { ROOT } from './targets.ts'

/** What a host loads, inside the folder. */
export const DEVICE_FILE = 'tandem-device.js'

const at = (path: string) => join(ROOT, 'shared/client/src/jsc', path)

/** Messages in fifty languages that nobody reads: what a schema refuses is told by the code of an error. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup: (build) => {
    build.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js'`,
    }))
  },
}

/**
 * Writes the device's SDK as one classic script that needs nothing but the language, for JavaScriptCore: it defines
 * `TandemDevice.start(host, settings)`. The same bytes for the same sources and lock file.
 *
 * @returns the folder
 */
export async function buildDevice(directory: string): Promise<string> {
  const folder = join(directory, 'ios')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await build({
    absWorkingDir: ROOT,
    entryPoints: [at('index.ts')],
    outfile: join(folder, DEVICE_FILE),
    inject: [at('globals.ts')],
    bundle: true,
    format: 'iife',
    globalName: 'TandemDevice',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // iOS 16: the first with what the sources use
    target: 'safari16',
    // read and compiled at every start of the app
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    plugins: [oneLanguage],
    logLevel: 'warning',
  })
  await writeFile(join(folder, 'THIRD-PARTY-LICENCES.txt'), noticesOf(readLock(ROOT)))
  return folder
}
