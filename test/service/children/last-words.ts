import { createLog, onTermination } from '@tandem/service'

/** Says on standard error that it runs; has something to log when it ends. */
const log = createLog({ name: 'last-words', level: 'info' })
const alive = setInterval(() => undefined, 1_000)
onTermination(async () => {
  clearInterval(alive)
  for (const event of ['first', 'second', 'third']) log.info({ event })
}, log)
process.stderr.write('running\n')
