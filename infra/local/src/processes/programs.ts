import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export type ServiceName = 'sigpair' | 'duo-node' | 'functions'

/** How a service's process is started: arguments of node, and what its environment must have for that. */
export type Program = {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const ROOT = resolve(import.meta.dirname, '../../../..')

/** @param bundles where `npm run bundle` wrote them; undefined: from source */
export function programOf(name: ServiceName, bundles: string | undefined): Program {
  if (name === 'functions') return underFramework(bundles)
  const main = bundles === undefined ? join(ROOT, name, 'src/main.ts') : join(bundles, name, 'index.js')
  return { args: [main], env: {} }
}

function underFramework(bundles: string | undefined): Program {
  const source = bundles === undefined ? join(ROOT, 'functions') : join(bundles, 'functions')
  const preload = bundles === undefined ? join(source, 'src/preload.ts') : join(source, 'preload.js')
  const framework = createRequire(join(ROOT, 'functions/package.json')).resolve('@google-cloud/functions-framework')
  return {
    args: [join(framework, '../main.js'), '--source', source, '--target', 'api'],
    env: { NODE_OPTIONS: `--import=${pathToFileURL(preload).href}`, NODE_ENV: 'production' },
  }
}
