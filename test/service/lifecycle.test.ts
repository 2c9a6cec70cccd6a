import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createDrain, createLog, handle, healthRoutes, listen } from '@tandem/service'

const log = createLog({ name: 'test', level: 'silent' })

describe('drain', () => {
  test('waits for the work that runs, and for what that work starts', async () => {
    const drain = createDrain()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    void drain.track(first.promise.then(() => drain.track(second.promise)))
    const drained = drain.drain(60_000)
    expect(drain.draining()).toBe(true)
    first.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    second.resolve()
    expect(await drained).toBe('idle')
  })

  test('ends at its cap when work does not', async () => {
    const drain = createDrain()
    void drain.track(new Promise(() => {}))
    expect(await drain.drain(5)).toBe('capped')
  })

  test('is idle at once when nothing runs, also after work that failed', async () => {
    const drain = createDrain()
    await expect(drain.track(Promise.reject(new Error('x')))).rejects.toThrow('x')
    expect(await drain.drain(60_000)).toBe('idle')
  })
})

async function ready(checks: Record<string, () => Promise<unknown>>, drain = createDrain()) {
  const handler = handle(healthRoutes(checks, drain), { log, hosts: ['nothing.else'], drain })
  const server = await listen(handler, { name: 'test', host: '127.0.0.1', port: 0 })
  const ask = async (path: string) => {
    const res = await fetch(`http://127.0.0.1:${server.port}${path}`)
    return { status: res.status, body: (await res.json()) as Record<string, unknown> }
  }
  const answers = { live: await ask('/health/live'), ready: await ask('/health/ready') }
  await server.close()
  return answers
}

describe('health', () => {
  test('is live and ready while every check holds, whatever host the probe names', async () => {
    expect(await ready({ store: async () => 1, kms: async () => undefined })).toEqual({
      live: { status: 200, body: { status: 'live' } },
      ready: { status: 200, body: { status: 'ready' } },
    })
  })

  test('names the checks that fail, not why', async () => {
    const kms = () => Promise.reject(new Error('10.0.0.1 refused'))
    const answers = await ready({ store: async () => 1, kms })
    expect(answers.live.status).toBe(200)
    expect(answers.ready).toMatchObject({ status: 503, body: { error: 'UNAVAILABLE', details: 'not ready: kms' } })
    expect(JSON.stringify(answers)).not.toContain('10.0.0.1')
  })

  test('is not ready while draining, but live', async () => {
    const drain = createDrain()
    await drain.drain(0)
    const answers = await ready({}, drain)
    expect([answers.live.status, answers.ready.status, answers.ready.body['details']]).toEqual([200, 503, 'draining'])
  })
})

test('a closing server ends what runs and takes nothing new', async () => {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const server = await listen(
    async (_, res) => {
      entered.resolve()
      await gate.promise
      res.end('done')
    },
    { name: 'test', host: '127.0.0.1', port: 0 },
  )
  const url = `http://127.0.0.1:${server.port}/`
  const running = fetch(url)
  await entered.promise
  const closed = server.close()
  await expect(fetch(url)).rejects.toThrow('fetch failed')
  gate.resolve()
  expect(await (await running).text()).toBe('done')
  await closed
})

test('SIGTERM lets a running request have its answer, takes no other, and ends with 0', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children', 'draining.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const url = `http://127.0.0.1:${(await lines.next()).value}/slow`
  const running = fetch(url)
  expect((await lines.next()).value).toBe('entered')
  child.kill('SIGTERM')
  const answer = await running
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
  expect((await lines.next()).value).toBe('idle')
  expect(await exited).toEqual([0, null])
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})
