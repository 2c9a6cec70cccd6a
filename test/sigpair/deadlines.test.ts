import type { Message } from '@tandem/rounds'
import { readKey } from '@tandem/sigpair'
import { ERRORS } from '@tandem/wire'
import { createDevice } from '../helpers/device.ts'
import { dial, rng, startTestSigpair, type TestSigpair } from '../helpers/sigpair.ts'
import {
  dealWallet,
  dialPresign,
  dialSign,
  makePresignatures,
  newKeyId,
  pairRecord,
  playKeygen,
  playPresign,
  prepared,
} from '../helpers/wallet.ts'

/** What a device hears that was silent, or too slow. */
const late = (reason: string) => ({ code: ERRORS.MPC_SIGNING_FAILED.close, reason })

/** A device that says nothing from this round on. */
function mute(round: number) {
  let silent = false
  const tamper = (message: Message) => {
    silent ||= message.round >= round
    return silent ? undefined : message
  }
  return { request: { tamper } }
}

describe('a silent device ends at the deadline of its round, which is named', () => {
  let sigpair: TestSigpair
  beforeAll(async () => (sigpair = await startTestSigpair({ deadlines: { roundMs: 2_500 } })))
  afterAll(async () => sigpair.close())

  const inKeygen = async (round: number) => {
    const device = createDevice(rng)
    const keyId = newKeyId()
    const talk = await dial(sigpair, { device, keyId }, { op: 'keygen' }, mute(round))
    void playKeygen(talk, device, keyId).catch(() => {})
    expect(await talk.closed).toMatchObject(late(`Round ${round} timeout`))
    expect((await readKey(sigpair.stores, keyId))!.status).toBe('PENDING')
  }
  const inPresigning = async (round: number) => {
    const wallet = await dealWallet(sigpair)
    const { talk, sigids } = await dialPresign(sigpair, wallet, 1, mute(round))
    void playPresign(talk, wallet.key, sigids[0]!).catch(() => {})
    expect(await makePresignatures(sigpair, wallet, 1)).toHaveLength(1)
    expect(await talk.closed).toMatchObject(late(`Round ${round} timeout`))
    expect(await pairRecord(sigpair, wallet)).toMatchObject({ status: 'ACTIVE', strikes: [], failures: [] })
  }
  const inSigning = async (round: number) => {
    const wallet = await dealWallet(sigpair)
    const { talk, play } = await dialSign(sigpair, wallet, await prepared(sigpair, wallet), mute(round))
    void play().catch(() => {})
    expect(await talk.closed).toMatchObject(late(`Round ${round} timeout`))
  }

  test('in every round of every operation, while others go on', async () => {
    await Promise.all([...[1, 2, 3, 4].map(inKeygen), ...[1, 2, 3].map(inPresigning), ...[1, 2, 3].map(inSigning)])
  })
})

test('a dialogue ends at its own deadline, and what is in stock by then stays there', async () => {
  const sigpair = await startTestSigpair({ deadlines: { dialogueMs: 1_500 } })
  const wallet = await dealWallet(sigpair)
  const { talk, sigids } = await dialPresign(sigpair, wallet)
  await playPresign(talk, wallet.key, sigids[0]!)
  const idle = await dial(sigpair, { device: createDevice(rng), keyId: newKeyId() }, { op: 'keygen' })

  expect(await talk.closed).toMatchObject(late('Acknowledgement timeout'))
  expect(await idle.closed).toMatchObject(late('Round 1 timeout'))
  expect((await pairRecord(sigpair, wallet)).stock).toHaveLength(1)
  await sigpair.close()
})
