import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** One thing that is deployed: a folder that runs on a bare Node, without this repository. */
export type Target = {
  readonly name: 'sigpair' | 'duo-node' | 'functions' | 'kms'
  /** output file without `.js` → source */
  readonly entries: Readonly<Record<string, string>>
  /** what the platform brings, with the version this repository is tested with */
  readonly external: readonly string[]
  /** compiled code, which no bundler can take in: package → files of it, besides its package.json */
  readonly addons: Readonly<Record<string, readonly string[]>>
  /** code that is loaded on demand gets files of its own: what a cold start does not need is not read */
  readonly splitting: boolean
}

const at = (path: string) => join(ROOT, path)
const prebuilt = (platform: string) => `prebuilds/${platform}`

export const TARGETS: readonly Target[] = [
  {
    name: 'sigpair',
    entries: {
      index: at('sigpair/src/main.ts'),
      compute: at('sigpair/src/compute/worker.ts'),
      rewrap: at('sigpair/src/rewrap.ts'),
      diagnose: at('sigpair/src/diagnose.ts'),
      // makes the identity of a committee's node, and signs commands to it
      committee: at('sigpair/src/committee/cli/cli.ts'),
      // piscina starts its threads from a file of this name beside its own
      worker: at('node_modules/piscina/dist/worker.js'),
    },
    external: [],
    addons: {
      secp256k1: ['prebuilds', 'LICENSE'],
      // of a committee's node; not for phones, which it comes with as well
      'classic-level': [
        'binding.js',
        ...['linux-x64', 'linux-arm64', 'darwin-x64+arm64', 'win32-x64'].map(prebuilt),
        'LICENSE',
      ],
      'node-gyp-build': ['index.js', 'node-gyp-build.js', 'LICENSE'],
    },
    splitting: false,
  },
  {
    name: 'duo-node',
    entries: { index: at('duo-node/src/main.ts'), diagnose: at('duo-node/src/diagnose.ts') },
    external: [],
    addons: {},
    splitting: false,
  },
  {
    name: 'functions',
    entries: { index: at('functions/src/index.ts'), preload: at('functions/src/preload.ts') },
    external: ['@google-cloud/functions-framework'],
    addons: {},
    splitting: true,
  },
  {
    // for self-hosting off Google Cloud only; its keys are a sealed file
    name: 'kms',
    entries: { index: at('infra/local/src/kms/kms-main.ts') },
    external: [],
    // not compiled: the description of the protocol, which is read as a file
    addons: { '@google-cloud/kms': ['build/protos/protos.json'] },
    splitting: false,
  },
]
