import { type CurrentKey, combine, noble, onlineShare, signingTarget } from '@tandem/ecdsa'
import { ProtocolAbort, UsageError } from '@tandem/rounds'
import { fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'
import { currentKey, messageOf, presignAll } from '../helpers/signing.ts'
import { outputs } from '../helpers/simulate.ts'
import { refusals, signedText } from '../helpers/verifiers.ts'

const dealt = dealtKey(fast, 3, seeded('target'))
const key: CurrentKey = currentKey(dealt)
const signed = signedText('added up by somebody who signs nothing')
const message = messageOf(signed.digest, [44, 60])
const presignatures = outputs(await presignAll(dealt, { seed: 'target' }))
const { id, R } = presignatures[0]!
const online = presignatures.map((one) => onlineShare(noble, one, key, message))

test('who holds no share finds the same target, and adds the shares up to a signature', () => {
  const target = signingTarget(noble, { id, R }, key, message)
  expect(target).toEqual(online[0]!.target)
  const shares = online.map(({ share }) => share)
  expect(refusals(combine(noble, target, shares, 'evm'), signed, target.publicKey)).toEqual([])
})

test('one bit of the message, the path or either randomness is another target', () => {
  const others = [
    { ...message, digest: message.digest.with(0, message.digest[0]! ^ 1) },
    { ...message, path: [44, 61] },
    { ...message, rhoS: message.rhoS.with(31, 0) },
    { ...message, rhoD: message.rhoD.with(31, 0) },
  ]
  const shares = online.map(({ share }) => share)
  for (const other of others) {
    const target = signingTarget(noble, { id, R }, key, other)
    expect(() => combine(noble, target, shares, 'any')).toThrow(expect.objectContaining({ code: 'UNATTRIBUTED' }))
  }
})

test('an R that is no point is a peer’s fault, a digest of another length ours', () => {
  expect(() => signingTarget(noble, { id, R: new Uint8Array(33) }, key, message)).toThrow(ProtocolAbort)
  const short = { ...message, digest: new Uint8Array(31) }
  expect(() => signingTarget(noble, { id, R }, key, short)).toThrow(UsageError)
})
