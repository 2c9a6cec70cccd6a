import { dirname, relative, sep } from 'node:path'
import { isBuiltin } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Plugin, PluginBuild } from 'esbuild'

const NAMESPACE = 'commonjs-on-demand'

/**
 * Lets a CommonJS package that is loaded on demand keep its names: `const { Webhook } = await import('standardwebhooks')`.
 * In a bundle that is split, esbuild makes such a package a chunk whose only export is `default`. Node knows the names, so
 * the chunk becomes a module that lists them.
 */
export const namedExports: Plugin = {
  name: 'named-exports',
  setup: (build) => {
    build.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir }) => {
      if (kind !== 'dynamic-import' || isBuiltin(path)) return undefined
      const {
        path: file,
        external,
        errors,
      } = await build.resolve(path, { kind: 'import-statement', importer, resolveDir })
      if (external || errors.length > 0 || (await namesOf(file)) === undefined) return undefined
      // the path appears in the bundle: the same on every machine
      return { path: relative(rootOf(build), file).replaceAll(sep, '/'), namespace: NAMESPACE, pluginData: file }
    })
    // As Node has it: the default is all of it, and the names are copies
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, async ({ pluginData }) => {
      const file = String(pluginData)
      const contents = [
        `const whole = require(${JSON.stringify(file)})`,
        'export default whole',
        `export const { ${(await namesOf(file))!.join(', ')} } = whole`,
      ]
      return { contents: contents.join('\n'), resolveDir: dirname(file) }
    })
  },
}

const rootOf = ({ initialOptions }: PluginBuild) => initialOptions.absWorkingDir ?? process.cwd()

/** The names that Node finds in a CommonJS module; undefined for any other. */
async function namesOf(file: string): Promise<readonly string[] | undefined> {
  const found = (await import(pathToFileURL(file).href)) as object
  // Node's own mark of a namespace made from CommonJS
  if (!('module.exports' in found)) return undefined
  return Object.keys(found).filter((name) => name !== 'default' && /^[A-Za-z_$][\w$]*$/.test(name))
}
