import { setTimeout as delay } from 'node:timers/promises'
import { createDrain, createLog, trustKeys } from '@tandem/service'
import { loadIdentity } from '@tandem/sigpair'
import { type Store, StoreError } from '@tandem/store'
import { ERRORS } from '@tandem/wire'
import { DEADLINES } from '../../sigpair/src/config.ts'
import { serveDialogue } from '../../sigpair/src/dialogue/dialogue.ts'
import { createPool } from '../../sigpair/src/compute/pool.ts'
import { type DeviceServer, listenForDevices } from '../../sigpair/src/server.ts'
import { flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { rng, startSurroundings, type TestSigpair } from '../helpers/sigpair.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { dealWallet, dialPresign, dialSign, pairRecord, playPresign, prepared, type Wallet } from '../helpers/wallet.ts'

/** What the no-rollback database does to the transactions of a dialogue, the first of which is number 1. */
let behave: (nth: number) => Promise<void>
let transactions = 0

let sigpair: TestSigpair
let server: DeviceServer
let wallet: Wallet
const pool = createPool({ dialogues: 8, threads: 1 })

function unreliable(store: Store): Store {
  return {
    ...store,
    transaction: async (fn, options) => {
      await behave(++transactions)
      return store.transaction(fn, options)
    },
  }
}

const gone = async () => {
  throw new StoreError('UNAVAILABLE', 'the disk is full')
}

beforeAll(async () => {
  const around = await startSurroundings()
  const view = await around.view()
  const stores = { ...view.stores, presignatures: unreliable(view.stores.presignatures) }
  const deps = {
    ...{ stores, pool, rng, identity: await loadIdentity(stores), roundMs: 5_000, deadlines: DEADLINES },
    ...{ trust: trustKeys(around.environment.functionsKeys), log: createLog({ name: 'test', level: 'silent' }) },
  }
  server = await listenForDevices({
    ...{ host: '127.0.0.1', port: 0, rules: { hosts: ['127.0.0.1'], origins: [], proxies: 0 } },
    bounds: { sockets: 8, perAddress: 8, pingMs: 30_000 },
    drain: createDrain(),
    http: async (_request, response) => void response.end(),
    serve: async (socket, arrival) => serveDialogue(deps, socket, arrival),
  })
  sigpair = { ...view, url: server.url, internalUrl: '', close: around.close }
})
afterAll(async () => {
  await server.close(0)
  await pool.close()
  await sigpair.close()
})
beforeEach(async () => {
  behave = async () => {}
  wallet = await dealWallet(sigpair)
})

/** A presign dialogue with a store that behaves like this once Sigpair has answered the hello. */
async function presignWith(tamper: Tamper, store: (nth: number) => Promise<void>) {
  const heard: number[] = []
  const { talk, sigids } = await dialPresign(sigpair, wallet, 1, { request: { tamper } })
  transactions = 0
  behave = store
  const receive: typeof talk.channel.receive = async (from, signal) => {
    const message = await talk.channel.receive(from, signal)
    heard.push(message.round)
    return message
  }
  void playPresign({ channel: { ...talk.channel, receive } }, wallet.key, sigids[0]!).catch(() => {})
  const { code, reason } = await talk.closed
  return { end: { code, reason }, heard, pair: await pairRecord(sigpair, wallet) }
}

const guess: Tamper = (message) => (message.round === 1 ? flip(message.body, OFFER.h, 0) : message)
const lie: Tamper = (message) => (message.round === 2 ? flip(message.body, REPLY.mu, 0) : message)
const honest: Tamper = (message) => message
const aborted = { code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' }

// The transactions of an honest run: inventory, open, pass, create.
const [, OPEN, PASS] = [1, 2, 3]

test.each([
  ['a freeze', guess, { status: 'POISONED', setup: null }],
  ['a strike', lie, { status: 'ACTIVE', strikes: [expect.any(Number)] }],
])('%s is durable before the device hears of the abort, however slow the store is', async (_what, tamper, expected) => {
  const { end, pair } = await presignWith(tamper, async () => delay(150))
  expect(end).toEqual(aborted)
  expect(pair).toMatchObject(expected)
})

test('a store that stumbles does not save a cheater', async () => {
  const { end, pair } = await presignWith(guess, async (nth) => (nth === OPEN + 1 ? gone() : undefined))
  expect(end).toEqual(aborted)
  expect(pair).toMatchObject({ status: 'POISONED', setup: null, opened: 1, passed: 0 })
})

test('when the verdict cannot be stored the device sees no difference, and the slot stays used', async () => {
  const { end, heard, pair } = await presignWith(guess, async (nth) => (nth > OPEN ? gone() : undefined))
  expect(end).toEqual(aborted)
  expect(heard).not.toContain(2)
  expect(pair).toMatchObject({ opened: 1, passed: 0 })
})

test('without a slot no check is made and nothing is answered', async () => {
  const { end, heard, pair } = await presignWith(honest, async (nth) => (nth >= OPEN ? gone() : undefined))
  expect(end.code).toBe(ERRORS.UNAVAILABLE.close)
  expect(heard).not.toContain(2)
  expect(pair).toMatchObject({ status: 'ACTIVE', opened: 0, passed: 0, strikes: [] })
})

test('a check that held but could not be recorded is not answered, and its slot stays used', async () => {
  const { end, heard, pair } = await presignWith(honest, async (nth) => (nth >= PASS ? gone() : undefined))
  expect(end.code).toBe(ERRORS.UNAVAILABLE.close)
  expect(heard).not.toContain(2)
  expect(pair).toMatchObject({ status: 'ACTIVE', opened: 1, passed: 0, strikes: [] })
})

test('a presignature that could not be stored is not confirmed', async () => {
  const { end, pair } = await presignWith(honest, async (nth) => (nth > PASS ? gone() : undefined))
  expect(end.code).toBe(ERRORS.UNAVAILABLE.close)
  expect(pair).toMatchObject({ stock: [], opened: 1, passed: 1 })
})

test('a verdict reaches the store although the cheater leaves at once', async () => {
  const { talk, play } = await dialSign(sigpair, wallet, await prepared(sigpair, wallet), {
    request: {
      tamper: (message) => {
        setTimeout(talk.leave, 5)
        return guess(message)
      },
    },
  })
  await expect(play()).rejects.toThrow()
  while ((await pairRecord(sigpair, wallet)).status === 'ACTIVE') await delay(10)
  expect(await pairRecord(sigpair, wallet)).toMatchObject({ status: 'POISONED', setup: null })
})
