import { combine, derive, type KeygenResult, onlineShare, type Stage } from '@tandem/ecdsa'
import { UsageError } from '@tandem/rounds'
import { fast, remembering } from '../helpers/backends.ts'
import { keygenParties } from '../helpers/keygen.ts'
import { refreshed, signingKeyOf } from '../helpers/refresh.ts'
import { currentKey, type KeyOfAll, messageOf, presignAll, signAll } from '../helpers/signing.ts'
import { abortOf, outputs, type Simulation, simulate } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

// What refreshed shares are for, and that shares of two epochs are good for nothing.

const backend = remembering(fast)
const old = outputs(await simulate(keygenParties({ backend }))) as [KeygenResult, KeygenResult]
const renewed = (await refreshed(old, { backend })) as [KeygenResult, KeygenResult]
const { publicKey } = old[0].share
const text = signedText('the same key')
const path = [44, 60, 0, 7]

const signed = async (key: KeyOfAll, at: readonly number[] = []) =>
  outputs(await signAll(key, { message: messageOf(text.digest, at), assembler: 'all' }, { backend }))

test('refreshed shares sign, and the signature verifies under the old public key', async () => {
  for (const signature of await signed(signingKeyOf(renewed))) expect(refusals(signature, text, publicKey)).toEqual([])
})

test('child keys are what they were, and refreshed shares sign for them', async () => {
  const child = derive(fast, old[0].share, path)
  expect(derive(fast, renewed[0].share, path)).toEqual(child)
  const [signature] = await signed(signingKeyOf(renewed), path)
  expect(refusals(signature!, text, child.publicKey)).toEqual([])
})

test('a presignature of refreshed shares signs under the old public key', async () => {
  const key = signingKeyOf(renewed)
  const presignatures = outputs(await presignAll(key, { backend }))
  const halves = presignatures.map((one) => onlineShare(fast, one, currentKey(key), messageOf(text.digest)))
  const signature = combine(
    fast,
    halves[0]!.target,
    halves.map(({ share }) => share),
    'any',
  )
  expect(refusals(signature, text, publicKey)).toEqual([])
})

test('S23 a presignature of the old epoch is of no use to the new one, nor the reverse', async () => {
  const [before, after] = [signingKeyOf(old), signingKeyOf(renewed)]
  for (const [made, used] of [
    [before, after],
    [after, before],
  ] as const) {
    const [presignature] = outputs(await presignAll(made, { backend }))
    expect(() => onlineShare(fast, presignature!, currentKey(used), messageOf(text.digest))).toThrow(UsageError)
  }
})

describe('one old share and one new one', () => {
  const mixtures: [string, readonly [Stage, Stage]][] = [
    ['old device, new server', [old[0], renewed[1]]],
    ['new device, old server', [renewed[0], old[1]]],
  ]

  test.each(mixtures)('K1 %s: no message of the other is ever looked at', async (_, stages) => {
    const how = { message: messageOf(text.digest), assembler: 'all' as const }
    for (const run of [
      await signAll(signingKeyOf(stages), how, { backend }),
      await presignAll(signingKeyOf(stages), { backend }),
    ]) {
      expectNothing(run)
    }
  })

  test('a new share beside old seeds: told apart by the tag, before any check on Δ', async () => {
    expectNothing(await presignAll(signingKeyOf([{ ...renewed[0], pairs: old[0].pairs }, renewed[1]]), { backend }))
    expectNothing(await presignAll(signingKeyOf([{ ...old[0], pairs: renewed[0].pairs }, old[1]]), { backend }))
  })

  test('S13 an old secret in the clothes of the new share makes no signature', async () => {
    const dressed = [{ ...renewed[0], share: { ...renewed[0].share, secret: old[0].share.secret } }, renewed[1]]
    const run = await signAll(signingKeyOf(dressed), { message: messageOf(text.digest), assembler: 'all' }, { backend })
    for (const party of [1, 2]) {
      expect(abortOf(run, party)).toMatchObject({ code: 'UNATTRIBUTED', round: 2, culprits: [], verdict: 'retry' })
    }
  })
})

/** Benign for both, in round 1, and no check was opened. */
function expectNothing(run: Simulation<unknown>): void {
  for (const party of [1, 2]) {
    expect(abortOf(run, party)).toMatchObject({ code: 'MISMATCH', round: 1, culprits: [], verdict: 'retry' })
  }
  expect(run.events.filter((event) => 'recorded' in event)).toEqual([])
}
