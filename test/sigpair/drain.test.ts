import type { Message } from '@tandem/rounds'
import { ERRORS } from '@tandem/wire'
import { createDevice, openSocket } from '../helpers/device.ts'
import { dial, rng, spawnSigpair, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import { newKeyId, playKeygen } from '../helpers/wallet.ts'

const health = async ({ url }: TestSigpair, name: string) =>
  (await fetch(`${url.replace('ws:', 'http:')}/health/${name}`)).status

test('SIGTERM: idle sockets go, a running dialogue ends well, nobody new is let in, and the process exits with 0', async () => {
  const sigpair = await spawnSigpair()
  const device = createDevice(rng)
  const keyId = newKeyId()
  let resume: () => void = () => {}
  const held = new Promise<void>((resolve) => (resume = resolve))
  const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' })
  const slow = {
    ...talk,
    channel: { ...talk.channel, send: (message: Message) => held.then(() => talk.channel.send(message)) },
  }
  const playing = playKeygen(slow, device, keyId)
  const idle = openSocket(`${sigpair.url}/v1/presign`)
  await idle.opened
  expect(await health(sigpair, 'ready')).toBe(200)

  sigpair.child.kill('SIGTERM')
  expect(await idle.closed).toMatchObject({ code: 1012 })
  expect(await health(sigpair, 'ready')).toBe(ERRORS.UNAVAILABLE.status)
  expect(await health(sigpair, 'live')).toBe(200)
  const late = openSocket(`${sigpair.url}/v1/presign`)
  await expect(late.opened).rejects.toThrow('503')

  resume()
  await playing
  talk.stored()
  expect(await talk.done()).toEqual({})
  expect(await talk.closed).toMatchObject({ code: 1000 })
  expect(await sigpair.exitCode).toBe(0)
  await sigpair.close()
})

test('a dialogue that does not end in time is closed, and the device may try again elsewhere', async () => {
  const sigpair = await startTestSigpair({ deadlines: { drainMs: 50 } })
  const talk = await dial(sigpair, { device: createDevice(rng), keyId: newKeyId() }, { op: 'keygen' })
  await sigpair.close()
  expect(await talk.closed).toMatchObject({ code: 1013 })
})
