import { setTimeout as delay } from 'node:timers/promises'
import { type PairRecord, presignatureAt, readKey } from '@tandem/sigpair'
import { ERRORS, limits, toHex } from '@tandem/wire'
import type { Closed } from '../helpers/device.ts'
import { type Field, flip, OFFER, REPLY } from '../helpers/signing-fields.ts'
import { startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import type { Tamper } from '../helpers/simulate.ts'
import { dealWallet, dialPresign, makePresignatures, pairRecord, playPresign, type Wallet } from '../helpers/wallet.ts'

let sigpair: TestSigpair
let wallet: Wallet
let neighbour: Wallet

beforeAll(async () => {
  sigpair = await startTestSigpair()
  neighbour = await dealWallet(sigpair)
})
afterAll(async () => sigpair.close())
beforeEach(async () => (wallet = await dealWallet(sigpair)))

// However this one fared, the next is served.
afterEach(async () => {
  expect(await makePresignatures(sigpair, neighbour, 1)).toHaveLength(1)
})

const aborted = { code: ERRORS.PROTOCOL_ABORTED.close, reason: 'PROTOCOL_ABORTED' }

const flipIn =
  (round: number, field: Field, bit = 0): Tamper =>
  (message) =>
    message.round === round ? flip(message.body, field, bit) : message

/** One presign dialogue with a device that lies, to the end that Sigpair makes of it. */
async function lie(tamper: Tamper): Promise<Closed> {
  const { talk, sigids } = await dialPresign(sigpair, wallet, 1, { request: { tamper } })
  void playPresign(talk, wallet.key, sigids[0]!).catch(() => {})
  return talk.closed
}

const statusOf = async () => (await readKey(sigpair.stores, wallet.keyId))!.status

async function expectPair(expected: Partial<PairRecord>): Promise<void> {
  expect(await pairRecord(sigpair, wallet)).toMatchObject(expected)
}

describe('a changed bit that only this run depends on', () => {
  test.each([
    [2, 'na', REPLY.na],
    [2, 'ã', REPLY.aTilde],
    [2, 'the last ã', { at: REPLY.aTilde.at + 39_904, bytes: 32 }],
    [2, 'η', REPLY.eta],
    [2, 'μ', REPLY.mu],
    [2, 'Γᵘ', REPLY.gammaU],
    [2, 'Γᵛ', REPLY.gammaV],
    [2, 'pk', REPLY.pk],
    [2, 'R', REPLY.R],
    [2, 'salt', REPLY.salt],
  ])('in round %i (%s) is a strike, and no presignature', async (round, _name, field) => {
    expect(await lie(flipIn(round, field))).toMatchObject(aborted)
    await expectPair({ status: 'ACTIVE', strikes: [expect.any(Number)], stock: [], opened: 1 })
    expect(await statusOf()).toBe('READY')
  })

  test.each([
    [1, 'tag', OFFER.tag, 0],
    [1, 'commitment', OFFER.commitment, 1],
    [2, 'tag', REPLY.tag, 1],
    [2, 'echo', REPLY.echo, 1],
    [3, 'echo', { at: 0, bytes: 32 }, 1],
  ])('in round %i (%s) accuses nobody', async (round, _name, field, opened) => {
    expect(await lie(flipIn(round, field))).toMatchObject(aborted)
    await expectPair({ status: 'ACTIVE', strikes: [], failures: [], stock: [], opened })
    expect(await statusOf()).toBe('READY')
  })

  test('three times in a day suspends the key', async () => {
    for (let i = 0; i < limits.MAX_STRIKES; i++) expect(await lie(flipIn(2, REPLY.mu))).toMatchObject(aborted)
    expect(await statusOf()).toBe('SUSPENDED')
    await expect(dialPresign(sigpair, wallet)).rejects.toMatchObject({ code: ERRORS.KEY_FROZEN.close })
  })
})

describe('a changed bit that Δ decides about freezes the key', () => {
  test.each([
    ['nb', OFFER.nb],
    ['u', OFFER.u],
    ['the last u', { at: OFFER.u.at + 2_175, bytes: 1 }],
    ['x̃', OFFER.xTilde],
    ['h', OFFER.h],
  ])('in %s', async (_name, field) => {
    const before = await makePresignatures(sigpair, wallet, 2)
    const inventory = before.map(({ id }) => id)
    const { talk, sigids } = await dialPresign(sigpair, wallet, 1, { inventory, request: { tamper: flipIn(1, field) } })
    void playPresign(talk, wallet.key, sigids[0]!).catch(() => {})

    expect(await talk.closed).toMatchObject(aborted)
    await expectPair({ status: 'POISONED', setup: null, stock: [], strikes: [], opened: 3, passed: 2 })
    for (const id of inventory) {
      const record = await sigpair.stores.presignatures.get(presignatureAt(wallet.keyId, toHex(id)))
      expect(record!.data).toMatchObject({ status: 'CONSUMED', payload: null })
    }
    expect(await statusOf()).toBe('FROZEN')
  })

  test('for every later dialogue, whatever it is for', async () => {
    await lie(flipIn(1, OFFER.h))
    const frozen = { code: ERRORS.KEY_FROZEN.close, reason: 'KEY_FROZEN' }
    await expect(dialPresign(sigpair, wallet)).rejects.toMatchObject(frozen)
    await expect(dialPresign(sigpair, wallet, 3)).rejects.toMatchObject(frozen)
  })

  test('for a dialogue that was already running', async () => {
    const running = await dialPresign(sigpair, wallet)
    await lie(flipIn(1, OFFER.xTilde))
    void playPresign(running.talk, wallet.key, running.sigids[0]!).catch(() => {})
    expect(await running.talk.closed).toMatchObject({ code: ERRORS.KEY_FROZEN.close })
    await expectPair({ status: 'POISONED', opened: 1, passed: 0 })
  })

  test('and of many guesses at once none but the first few is answered', async () => {
    const ends = await Promise.all(
      Array.from({ length: 24 }, () => lie(flipIn(1, OFFER.u)).catch((end: Closed) => end)),
    )
    const codes = new Set(ends.map(({ code }) => code))
    expect([...codes].every((code) => [ERRORS.PROTOCOL_ABORTED.close, ERRORS.KEY_FROZEN.close].includes(code))).toBe(
      true,
    )
    const { opened, passed, status } = await pairRecord(sigpair, wallet)
    expect(opened - passed).toBeLessThanOrEqual(limits.MAX_OPEN_CHECKS)
    expect(['POISONED', 'STALE']).toContain(status)
  })
})

test('a changed bit of ψ goes unnoticed here: only the signature it would spoil can tell', async () => {
  const { talk, sigids } = await dialPresign(sigpair, wallet, 1, { request: { tamper: flipIn(2, REPLY.psi, 255) } })
  await playPresign(talk, wallet.key, sigids[0]!)
  talk.stored()
  await talk.done()
  await expectPair({ status: 'ACTIVE', strikes: [], opened: 1, passed: 1 })
})

test('a run that was begun before is not begun again', async () => {
  const { talk, sigids } = await dialPresign(sigpair, wallet)
  await playPresign(talk, wallet.key, sigids[0]!)
  talk.stored()
  await talk.done()

  const hello = { op: 'presign' as const, count: 1, sigids: sigids.map(toHex), inventory: [] }
  const again = await dialPresign(sigpair, wallet, 1, { request: { hello } })
  void playPresign(again.talk, wallet.key, sigids[0]!).catch(() => {})
  expect(await again.talk.closed).toMatchObject(aborted)
  await expectPair({ opened: 1, passed: 1 })
})

test('a device that vanishes between two runs leaves the first in stock until it says what it holds', async () => {
  const { talk, sigids } = await dialPresign(sigpair, wallet, 2)
  await playPresign(talk, wallet.key, sigids[0]!)
  while ((await pairRecord(sigpair, wallet)).stock.length === 0) await delay(5)
  talk.leave()

  const [made] = await makePresignatures(sigpair, wallet, 1)
  await expectPair({ stock: [toHex(made!.id)] })
})
