import { randomBytes } from 'node:crypto'
import type { Host } from '../../shared/client/src/jsc/bridge.ts'
import { AbortController as Controller, TextEncoder as Encoder } from '../../shared/client/src/jsc/globals.ts'
import { start } from '../../shared/client/src/jsc/index.ts'
import type { ToHost } from '../../shared/client/src/jsc/messages.ts'
import { pack, unpack } from '../../shared/client/src/jsc/parcel.ts'

type Heard = { readonly name: string; readonly message: Readonly<Record<string, unknown>> }

/** A host whose every answer the test gives by hand. */
function device(random: Host['random'] = (count) => new Uint8Array(randomBytes(count))) {
  const heard: Heard[] = []
  const post: Host['post'] = (name, text, bytes) => {
    heard.push({ name, message: unpack({ text, bytes }) as Heard['message'] })
  }
  const settings = { baseUrl: 'http://127.0.0.1:1', pin: 'trust-on-first-use', stock: 0 }
  const deliver = start({ random, post }, JSON.stringify(settings))
  const say = (name: string, message: object) => {
    const { text, bytes } = pack(message)
    deliver(name, text, bytes)
  }
  /** the next message of this name that was not taken yet */
  const hear = async <Name extends keyof ToHost>(name: Name): Promise<ToHost[Name]> => {
    for (let turns = 0; turns < 200; turns++) {
      const at = heard.findIndex((one) => one.name === name)
      if (at >= 0) return heard.splice(at, 1)[0]!.message as ToHost[Name]
      await new Promise((resume) => setImmediate(resume))
    }
    throw new Error(`never heard ${name}; there was ${heard.map((one) => one.name).join(', ')}`)
  }
  return { heard, deliver, say, hear }
}

describe('a parcel', () => {
  test('carries bytes beside the text, big integers in it, and nothing that is undefined', () => {
    const value = { a: [Uint8Array.of(1), { b: 5n }], c: null, d: 'x', e: undefined, f: Uint8Array.of() }
    const parcel = pack(value)
    expect(parcel.text).toBe('{"a":[{"$bytes":0},{"b":{"$bigint":"5"}}],"c":null,"d":"x","f":{"$bytes":1}}')
    const { e: _, ...rest } = value
    expect(unpack(parcel)).toEqual(rest)
  })

  test('refuses what would arrive as something else', () => {
    expect(() => pack({ $bytes: 0 })).toThrow(TypeError)
    expect(() => pack({ act: () => 1 })).toThrow(TypeError)
    expect(() => unpack({ text: '{"$bytes":0}', bytes: [] })).toThrow(TypeError)
    expect(() => unpack({ text: '{"$bigint":"0x1"}', bytes: [] })).toThrow(TypeError)
    expect(() => unpack({ text: '{"$bigint":1}', bytes: [] })).toThrow(TypeError)
  })
})

describe('the SDK over its bridge', () => {
  test('has the host attest the device’s key, and hands its answer to the backend', async () => {
    const { say, hear } = device()
    const keyId = `${'A'.repeat(43)}=`
    say('call', { call: 7, method: 'attestDevice', given: { keyId } })
    say('answer', { request: (await hear('vaultGet')).request, value: new Uint8Array(64).fill(1) })
    const reply = async (body: object) => {
      say('answer', { request: (await hear('token')).request, value: 'token' })
      const sent = await hear('sendRequest')
      say('answer', { request: sent.request, value: { status: 200, text: JSON.stringify(body) } })
      return sent
    }
    say('answer', { request: (await hear('vaultList')).request, value: [] })
    await reply({ challenge: 'A'.repeat(43), expiresAt: 1, keyId: null })
    const asked = await hear('attestKey')
    expect({ call: asked.call, length: asked.clientDataHash.length }).toEqual({ call: 7, length: 32 })
    say('answer', { request: asked.request, value: Uint8Array.of(1, 2, 3) })
    const { url, body } = await reply({ keyId, attestedUntil: 2 })
    expect(url).toBe('http://127.0.0.1:1/api/v1/app-attest/attestations')
    expect(JSON.parse(body!)).toMatchObject({ keyId, attestation: 'AQID' })
    expect(await hear('returned')).toEqual({ call: 7, value: { keyId, attestedUntil: 2 } })
  })

  test('says VAULT when the host’s vault does not answer as one', async () => {
    const { say, hear } = device()
    say('call', { call: 1, method: 'wallets', given: {} })
    const { request, prefix } = await hear('vaultList')
    expect(prefix).toBe('wallet/')
    say('refuse', { request, reason: 'the Keychain is locked' })
    expect(await hear('threw')).toMatchObject({ call: 1, error: { code: 'VAULT', retryable: false } })

    say('call', { call: 2, method: 'wallets', given: {} })
    say('answer', { request: (await hear('vaultList')).request, value: 'no list' })
    expect(await hear('threw')).toMatchObject({ call: 2, error: { code: 'VAULT' } })
  })

  test('gives a request up when its time is over, tells the host, and tries again', async () => {
    const { say, hear } = device()
    say('call', { call: 1, method: 'batch', given: { batchId: 'bat_x' } })
    say('answer', { request: (await hear('vaultList')).request, value: [] })
    for (let attempt = 1; attempt <= 4; attempt++) {
      say('answer', { request: (await hear('token')).request, value: 'a token' })
      const { request, headers, url } = await hear('sendRequest')
      expect([url, headers['authorization']]).toEqual(['http://127.0.0.1:1/api/v1/batch/bat_x', 'Bearer a token'])
      say('timerFired', { timer: (await hear('startTimer')).timer })
      expect(await hear('cancelRequest')).toEqual({ request })
      say('refuse', { request, reason: 'cancelled' })
      if (attempt < 4) say('timerFired', { timer: (await hear('startTimer')).timer })
    }
    expect(await hear('threw')).toMatchObject({ call: 1, error: { code: 'NETWORK', retryable: true } })
  })

  test('takes no randomness that is too short or all zero', async () => {
    expect(() => device(() => new Uint8Array(3))).toThrow('too short')
    expect(() => device((count) => new Uint8Array(count))).toThrow('all zero')
    expect(() => device(() => undefined as never)).toThrow('too short')
  })

  test('does not guess at a message it does not know, and forgets what is over', () => {
    const { say, deliver, heard } = device()
    expect(() => deliver('fly', '{}', [])).toThrow('fly')
    say('timerFired', { timer: 77 })
    say('answer', { request: 77, value: null })
    say('socketMessage', { socket: 77, bytes: Uint8Array.of(1) })
    say('socketClosed', { socket: 77, code: 1000, reason: '' })
    expect(heard).toEqual([])
  })
})

test('what stands in for AbortController and TextEncoder does what the SDK and its libraries ask of them', () => {
  const controller = new Controller()
  const heard: string[] = []
  const removed = () => heard.push('removed')
  controller.signal.addEventListener('abort', () => heard.push('heard'))
  controller.signal.addEventListener('abort', removed)
  controller.signal.removeEventListener('abort', removed)
  controller.abort()
  controller.abort()
  expect([heard, controller.signal.aborted]).toEqual([['heard'], true])
  for (const text of ['', 'a%b\n', 'é', '雪 🌨️'])
    expect(new Encoder().encode(text)).toEqual(new TextEncoder().encode(text))
})
