import { registerHooks } from 'node:module'

/** Imports functions as the framework does, and prints what was loaded for it. */
const loaded: string[] = []
registerHooks({
  load: (url, context, next) => {
    loaded.push(url)
    return next(url, context)
  },
})
await import('../../../functions/src/index.ts')
process.stdout.write(JSON.stringify(loaded))
