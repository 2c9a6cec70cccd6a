import { callHttp, createLog, handle, listen, type Log, route, type Serving } from '@tandem/service'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const HEADER = `00-${TRACE}-00f067aa0ba902b7-01`

const serving: Serving[] = []

afterEach(async () => {
  for (const { close } of serving.splice(0)) await close()
})

type Line = Readonly<Record<string, unknown>>

/** A service whose only answer is given by `act`, and its log, of which nobody told it for whom it writes. */
async function service(act: (log: Log) => Promise<void>) {
  const lines: Line[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Line) }
  const log = createLog({ name: 'test', level: 'info', project: 'demo', destination })
  const handler = handle(
    [
      route({
        method: 'GET',
        path: '/x',
        handle: async () => {
          await act(log)
          return { status: 200 }
        },
      }),
    ],
    { log, hosts: ['127.0.0.1'] },
  )
  const server = await listen(handler, { name: 'test', host: '127.0.0.1', port: 0 })
  serving.push(server)
  return { url: `http://127.0.0.1:${server.port}/x`, lines }
}

const get = async (url: string, headers: Readonly<Record<string, string>> = {}) =>
  callHttp({ url, method: 'GET', headers, body: new Uint8Array(), timeoutMs: 5_000 })

test('with nothing recorded, every line of every service that a request came to still names request and trace', async () => {
  const behind = await service(async (log) => {
    await new Promise((resume) => setImmediate(resume))
    log.warn({ event: 'behind' })
  })
  const front = await service(async (log) => {
    await get(behind.url)
    log.warn({ event: 'front' })
  })
  await get(front.url, { traceparent: HEADER, 'x-request-id': 'req_12345678' })
  const all = [...front.lines, ...behind.lines]
  expect(all.map(({ event }) => event)).toEqual(['front', 'request', 'behind', 'request'])
  for (const line of all)
    expect(line).toMatchObject({
      requestId: 'req_12345678',
      'logging.googleapis.com/trace': `projects/demo/traces/${TRACE}`,
      'logging.googleapis.com/spanId': '00f067aa0ba902b7',
    })
})

test('requests that run at the same time do not take each other’s names', async () => {
  const one = await service(async (log) => {
    await new Promise((resume) => setTimeout(resume, 5))
    log.info({ event: 'work' })
  })
  const ids = Array.from({ length: 8 }, (_, i) => `req_0000000${i}`)
  await Promise.all(ids.map(async (id) => get(one.url, { 'x-request-id': id })))
  const worked = one.lines.filter(({ event }) => event === 'work').map(({ requestId }) => String(requestId))
  expect(worked.toSorted()).toEqual(ids)
  expect(one.lines.some((line) => 'logging.googleapis.com/trace' in line)).toBe(false)
})
