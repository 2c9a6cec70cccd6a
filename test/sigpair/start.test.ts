import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startTestSigpair } from '../helpers/sigpair.ts'

test('a Sigpair that cannot have its port says which, and leaves nothing behind', async () => {
  const sigpair = await startTestSigpair()
  const port = Number(new URL(sigpair.url).port)
  await expect(startTestSigpair({ port })).rejects.toThrow(`sigpair cannot listen on 127.0.0.1:${port}`)
  await sigpair.close()
})

test('the role decides who is served', async () => {
  const [device, internal] = await Promise.all([
    startTestSigpair({ role: 'device' }),
    startTestSigpair({ role: 'internal' }),
  ])
  expect([device.url, device.internalUrl]).toEqual([expect.stringMatching(/^ws:/), ''])
  expect([internal.url, internal.internalUrl]).toEqual(['', expect.stringMatching(/^http:/)])
  await Promise.all([device.close(), internal.close()])
})

test('a process without its environment says what it needs, without a stack, and ends with 1', async () => {
  const main = join(import.meta.dirname, '../../sigpair/src/main.ts')
  const child = spawn(process.execPath, [main], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] })
  const said = child.stderr.toArray()
  expect(await once(child, 'exit')).toEqual([1, null])
  const text = (await said).join('')
  expect(text).toContain('KMS_KEY')
  expect(text).not.toContain('    at ')
})
