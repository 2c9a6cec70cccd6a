/** A service with one slow request: says its port, and `answered` when that request has had its answer. */
import { createDrain, createLog, handle, listen, onTermination, route } from '@tandem/service'

const log = createLog({ name: 'child', level: 'silent' })
const drain = createDrain()
const slow = route({
  method: 'GET',
  path: '/slow',
  handle: async () => {
    process.stdout.write('entered\n')
    await new Promise((resolve) => setTimeout(resolve, 200))
    return { status: 200, body: { ok: true } }
  },
})
const server = await listen(handle([slow], { log, hosts: ['127.0.0.1'], drain }), {
  name: 'child',
  host: '127.0.0.1',
  port: 0,
})
onTermination(async () => {
  const closed = server.close()
  process.stdout.write(`${await drain.drain(5_000)}\n`)
  await closed
}, log)
process.stdout.write(`${server.port}\n`)
