import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { transformSync } from '@swc/core'
import { build } from 'esbuild'
import { ROOT } from '../../infra/bundle/targets.ts'

/**
 * The shell of Hermes. `npm install --prefix hermes hermes-engine-cli@0.12.0` has one for Linux, macOS and Windows, of the
 * release that React Native 0.70 shipped, the first with BigInt: `HERMES=hermes/node_modules/hermes-engine-cli/linux64-bin/hermes`.
 */
const HERMES = process.env['HERMES'] ?? 'hermes'
const withHermes = spawnSync(HERMES, ['--version']).status === 0 ? test : test.skip
const SLOW_MS = 300_000

/** What the sources use and that no Hermes has (compat-table/compat-table#2019); an app takes it from core-js. */
const TO_SORTED = 'Array.prototype.toSorted = function (by) { return this.slice().sort(by) };'

const folder = mkdtempSync(join(tmpdir(), 'tandem-hermes-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** As React Native's Babel preset does it for Hermes: no classes, no private names, no async functions; BigInt and ** stay. */
function forHermes(code: string): string {
  const parser = { syntax: 'ecmascript' } as const
  const older = transformSync(code, { isModule: false, jsc: { target: 'es2016', parser } }).code
  const include = ['transform-classes', 'transform-block-scoping']
  return transformSync(older, { isModule: false, env: { targets: { chrome: '120' }, include } }).code
}

withHermes(
  'Hermes generates a key and signs with it, bit for bit as Node does',
  async () => {
    const outfile = join(folder, 'program.js')
    await build({
      absWorkingDir: ROOT,
      entryPoints: [join(ROOT, 'test/ios/hermes-program.ts')],
      inject: [join(ROOT, 'shared/client/src/jsc/globals.ts')],
      bundle: true,
      format: 'iife',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'es2022',
      outfile,
    })
    const code = readFileSync(outfile, 'utf8')
    const printed: string[] = []
    runInContext(code, createContext({ print: (text: string) => printed.push(text) }))

    const script = join(folder, 'hermes.js')
    writeFileSync(script, `${TO_SORTED}\n${forHermes(code)}`)
    const [result, times] = execFileSync(HERMES, ['-O', '-w', script], { encoding: 'utf8', timeout: SLOW_MS }).split(
      '\n',
    )
    console.log(`Hermes: ${times}`)
    expect(result).toBe(printed[0])
  },
  SLOW_MS,
)
