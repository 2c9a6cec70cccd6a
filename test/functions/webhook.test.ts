import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listen, type Serving } from '@tandem/service'
import { openSqlite, openStore, type Store } from '@tandem/store'
import type { KeyEvent } from '@tandem/wire'
import { Webhook } from 'standardwebhooks'
import { createApi } from '../../functions/src/api.ts'
import { readFunctionsConfig } from '../../functions/src/config.ts'
import { keyStates } from '../../functions/src/ports/key-states.ts'
import { startWorld, type Wallet } from './world.ts'

const OWNER = 'https://issuer.example|ada'
const secretOf = (n: number) => `whsec_${Buffer.alloc(32, n).toString('base64')}`
const directory = mkdtempSync(join(tmpdir(), 'tandem-webhook-'))

let serving: Serving
let store: Store

const serve = async (secrets: string): Promise<Serving> => {
  const config = readFunctionsConfig({
    ISSUERS: '[{"issuer":"http://127.0.0.1:1","audience":"x","jwksUrl":"http://127.0.0.1:1","algorithms":["ES256"]}]',
    MODE: 'development',
    STORE_PATH: join(directory, 'backend.sqlite'),
    SIGNING_KEY_FILE: join(directory, 'functions.jwk'),
    SECRETS_KEY_FILE: join(directory, 'secrets.key'),
    DUO_NODE_URL: 'http://127.0.0.1:1',
    SIGPAIR_URL: 'ws://127.0.0.1:1',
    CHAINS: '{}',
    WEBHOOK_SECRETS: secrets,
    LOG_LEVEL: 'silent',
  })
  return listen(createApi(config), { name: 'functions', host: '127.0.0.1', port: 0 })
}

beforeAll(async () => {
  serving = await serve(`${secretOf(1)},${secretOf(2)}`)
  store = openSqlite({ path: join(directory, 'backend.sqlite') })
})
afterAll(async () => {
  serving.cut()
  await serving.close()
  await store.close()
  rmSync(directory, { recursive: true })
})

let keys = 0
const newKeyId = () => `0x${(++keys).toString(16).padStart(64, '0')}`
const newId = () => `evt_${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')}`

function event(keyId: string, seq: number, change: Partial<KeyEvent> = {}, data: object = {}): KeyEvent {
  return {
    id: newId(),
    type: 'key.ready',
    timestamp: new Date().toISOString(),
    data: { keyId, owner: OWNER, seq, epoch: 0, status: 'READY', publicKey: `0x${'02'.repeat(33)}`, ...data },
    ...change,
  }
}

type Signing = { readonly secret?: string; readonly at?: Date; readonly id?: string; readonly to?: Serving }

function headersFor(body: string, id: string, { secret = secretOf(1), at = new Date() }: Signing = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  }
}

async function post(body: string, headers: Record<string, string>, to = serving): Promise<Response> {
  return fetch(`http://127.0.0.1:${to.port}/webhooks/duo-node`, { method: 'POST', headers, body })
}

async function send(given: object & { readonly id?: unknown }, signing: Signing = {}): Promise<number> {
  const body = JSON.stringify(given)
  const answer = await post(body, headersFor(body, signing.id ?? String(given.id), signing), signing.to)
  await answer.arrayBuffer()
  return answer.status
}

const stateOf = async (keyId: string) => keyStates(store, Date.now).find(OWNER, keyId)

test('takes an event, and shows nothing of it to another user', async () => {
  const keyId = newKeyId()
  expect(await send(event(keyId, 5))).toBe(204)
  expect(await stateOf(keyId)).toEqual({ owner: OWNER, seq: 5, status: 'READY', epoch: 0 })
  expect(await keyStates(store, Date.now).find('https://issuer.example|eve', keyId)).toBeUndefined()
})

test('takes a repetition without applying it again', async () => {
  const keyId = newKeyId()
  const first = event(keyId, 5)
  const newer = event(keyId, 6, { type: 'key.frozen' }, { status: 'FROZEN' })
  for (const one of [first, newer, first, newer, first]) expect(await send(one)).toBe(204)
  expect(await stateOf(keyId)).toMatchObject({ seq: 6, status: 'FROZEN' })
})

test('of the same event many times at once one is applied', async () => {
  const keyId = newKeyId()
  const one = event(keyId, 5)
  expect(await Promise.all(Array.from({ length: 8 }, () => send(one)))).toEqual(Array(8).fill(204))
  expect(await keyStates(store, Date.now).apply(one)).toBe('repeated')
})

test('applies what is newer and only that, in whatever order it comes', async () => {
  const keyId = newKeyId()
  const events = [3, 1, 4, 2].map((seq) => event(keyId, seq, {}, { epoch: seq }))
  await Promise.all(events.map((one) => send(one)))
  expect(await stateOf(keyId)).toMatchObject({ seq: 4, epoch: 4 })
  expect(await send(event(keyId, 4, { type: 'key.deleted' }, { status: 'DELETED' }))).toBe(204)
  expect(await stateOf(keyId)).toMatchObject({ seq: 4, status: 'READY' })
})

test('never forgets an export, though it hears of it late', async () => {
  const keyId = newKeyId()
  await send(event(keyId, 5, { type: 'key.rotated' }, { epoch: 1 }))
  await send(event(keyId, 4, { type: 'key.exported', timestamp: '2026-11-21T00:00:00.000Z' }))
  await send(event(keyId, 6, { type: 'key.restoring' }, { epoch: 1 }))
  expect(await stateOf(keyId)).toEqual({ owner: OWNER, seq: 6, status: 'READY', epoch: 1, exportedAt: 1_795_219_200 })
})

test('takes either of two secrets during a rotation', async () => {
  for (const secret of [secretOf(1), secretOf(2)]) expect(await send(event(newKeyId(), 1), { secret })).toBe(204)
})

describe('refuses', () => {
  test('what another secret signed', async () => {
    expect(await send(event(newKeyId(), 1), { secret: secretOf(3) })).toBe(401)
  })

  test('what was signed more than five minutes ago, or will be', async () => {
    for (const ms of [-301_000, 301_000])
      expect(await send(event(newKeyId(), 1), { at: new Date(Date.now() + ms) })).toBe(401)
  })

  test('every single byte that was changed', async () => {
    const keyId = newKeyId()
    const body = JSON.stringify(event(keyId, 1))
    const { id } = JSON.parse(body) as KeyEvent
    const headers = headersFor(body, id)
    for (let i = 0; i < body.length; i += 7) {
      const changed = `${body.slice(0, i)}${body[i] === '1' ? '2' : '1'}${body.slice(i + 1)}`
      expect((await post(changed, headers)).status).toBe(401)
    }
    expect((await post(body, { ...headers, 'webhook-id': newId() })).status).toBe(401)
    expect(
      (await post(body, { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 60) })).status,
    ).toBe(401)
    expect(await stateOf(keyId)).toBeUndefined()
  })

  test('what has no signature, or one of another kind', async () => {
    const body = JSON.stringify(event(newKeyId(), 1))
    const headers = headersFor(body, newId())
    for (const signature of ['', 'v1', 'v1,', 'v2,AAAA', headers['webhook-signature'].replace('v1', 'v1a')])
      expect((await post(body, { ...headers, 'webhook-signature': signature })).status).toBe(401)
    expect((await post(body, {})).status).toBe(401)
  })

  test('an event under another id than its own', async () => {
    expect(await send(event(newKeyId(), 1), { id: newId() })).toBe(400)
  })

  test('signed nonsense, without an error of ours', async () => {
    const bad = [
      { ...event(newKeyId(), 1), type: 'key.stolen' },
      { ...event(newKeyId(), 1), more: true },
      event(newKeyId(), 0),
      event(newKeyId(), 1.5),
      event('0x12', 1),
      event(newKeyId(), 1, {}, { share: 'secret' }),
    ]
    for (const one of bad) expect(await send(one)).toBe(400)
    const id = newId()
    for (const body of ['', 'null', '[]', '{', '\u{1F600}'])
      expect((await post(body, headersFor(body, id))).status).toBe(400)
  })

  test('a body above the limit before anything is verified', async () => {
    const body = JSON.stringify({ ...event(newKeyId(), 1), more: 'x'.repeat(9_000) })
    expect((await post(body, headersFor(body, newId()))).status).toBe(413)
  })

  test('everything when it knows no secret', async () => {
    const to = await serve('')
    expect(await send(event(newKeyId(), 1), { to })).toBe(401)
    to.cut()
    await to.close()
  })
})

test('a profile shows what was last heard of its key while duo-node is down, and says so when nothing was', async () => {
  const world = await startWorld()
  const [heard, unheard] = [await world.createWallet('ada'), await world.createWallet('eve')]
  const backend = await openStore(world.config.store)
  const { keyId, owner } = heard.key
  await keyStates(backend, Date.now).apply(event(keyId, 1, {}, { owner, status: 'SUSPENDED', epoch: 3 }))
  const show = async ({ user, profileId }: Wallet) => world.call(user, 'GET', `/api/v1/profiles/${profileId}`)
  expect((await show(heard)).body).toMatchObject({ keyStatus: 'READY', epoch: 0, presignatures: 3 })

  await world.stopDuoNode()
  expect((await show(heard)).body).toMatchObject({ keyStatus: 'SUSPENDED', epoch: 3, presignatures: 0 })
  expect((await show(unheard)).body).toMatchObject({ error: 'DUO_NODE_UNAVAILABLE' })
  await backend.close()
  await world.close()
})
