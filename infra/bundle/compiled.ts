import { join, relative, sep } from 'node:path'
import type { Plugin } from 'esbuild'
import { ROOT, type Target } from './targets.ts'

/**
 * Keeps the files of `addons` out of the bundle: a package that loads its compiled code from beside its own file, as
 * classic-level does, asks for it by name and gets the copy.
 */
export const compiled = (addons: Target['addons']): Plugin => ({
  name: 'compiled',
  setup: (build) => {
    const copied = new Set(Object.entries(addons).flatMap(([name, files]) => files.map((file) => `${name}/${file}`)))
    build.onResolve({ filter: /^\.\.?\// }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === RESOLVING || !Object.keys(addons).some((name) => importer.startsWith(packageOf(name))))
        return undefined
      const { path: file } = await build.resolve(path, { kind, importer, resolveDir, pluginData: RESOLVING })
      const name = relative(join(ROOT, 'node_modules'), file).replaceAll(sep, '/')
      return copied.has(name) ? { path: name, external: true } : undefined
    })
  },
})

/** Resolving asks every plugin again, us among them. */
const RESOLVING = Symbol('resolving')

const packageOf = (name: string) => join(ROOT, 'node_modules', name, sep)
