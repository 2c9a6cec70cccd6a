import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import swc from '@swc/core'

// Node strips types with WebAssembly, in every thread anew. V8 frees that code while the next thread is made, and now and
// then the process dies of it (nodejs/node#64500). Threads of the tests get their sources from swc, as the tests do.
const OPTIONS = {
  jsc: { target: 'es2024', parser: { syntax: 'typescript' } },
  module: { type: 'es6' },
  swcrc: false,
  configFile: false,
}

registerHooks({
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context)
    const filename = fileURLToPath(url)
    const { code } = swc.transformSync(readFileSync(filename, 'utf8'), { ...OPTIONS, filename })
    return { format: 'module', source: code, shortCircuit: true }
  },
})
