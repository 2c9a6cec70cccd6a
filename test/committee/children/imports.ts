import { registerHooks } from 'node:module'

/** Starts Sigpair with the arguments of this process, and prints what was loaded for it when it ends. */
const loaded: string[] = []
registerHooks({
  load: (url, context, next) => {
    loaded.push(url)
    return next(url, context)
  },
})
process.once('exit', () => process.stdout.write(JSON.stringify(loaded)))
await import('../../../sigpair/src/main.ts')
