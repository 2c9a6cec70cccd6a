import { type PossessionClaim, verifyPossession } from '@tandem/ecdsa'
import { pairAt, poison } from '@tandem/sigpair'
import { fromHex, toHex } from '@tandem/wire'
import { drill } from '../../sigpair/src/keys/drill.ts'
import { fast } from '../helpers/backends.ts'
import { auditOf, careful } from './care.ts'
import { OWNER } from './world.ts'

const care = careful()
const ask = async (challenge: Uint8Array, owner = OWNER) =>
  drill(
    care.world.stores,
    { tasks: care.pool.shareTasks },
    { keyId: care.key.keyId, owner, challenge: toHex(challenge) },
  )
const claim = (): PossessionClaim => ({ ...care.key.shares[0]!, publicShare: care.key.shares[0]!.publicShares[1]! })

test('a drill proves x2 over this challenge, and nothing that another purpose would take', async () => {
  const challenge = care.world.rng(32)
  const { epoch, publicShare, proof } = await ask(challenge)
  expect({ epoch, publicShare }).toEqual({ epoch: 0, publicShare: toHex(claim().publicShare) })
  const holds = (why: Parameters<typeof verifyPossession>[3]) => verifyPossession(fast, claim(), fromHex(proof), why)
  expect(holds({ purpose: 'drill', challenge })).toBe(true)
  expect(holds({ purpose: 'drill', challenge: care.world.rng(32) })).toBe(false)
  expect(holds({ purpose: 'commit' })).toBe(false)
  expect(holds({ purpose: 'restore', device: challenge })).toBe(false)
})

test('X1 + X2 is X: what the device proves and what Sigpair proves make the key', async () => {
  const { publicShare } = await ask(care.world.rng(32))
  const [device] = care.key.shares
  const sum = fast.add(fast.decode(device!.publicShares[0]!), fast.decode(fromHex(publicShare)))
  expect(fast.encode(sum)).toEqual(device!.publicKey)
})

test('two drills of one challenge have different nonces, and each leaves a line', async () => {
  const challenge = care.world.rng(32)
  const proofs = [await ask(challenge), await ask(challenge)].map(({ proof }) => proof.slice(0, 68))
  expect(proofs[0]).not.toBe(proofs[1])
  expect((await auditOf(care)).slice(-2)).toMatchObject([{ methodName: 'key.drill' }, { methodName: 'key.drill' }])
})

test('a drill is open to a key that does not sign, and to its owner alone', async () => {
  await poison(care.world.stores, care.key.pair)
  await expect(ask(care.world.rng(32))).resolves.toBeDefined()
  const foreign = ask(care.world.rng(32), 'https://issuer.test|mallory')
  await expect(foreign).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a share that does not open fails the drill: that is what it is for', async () => {
  await care.world.stores.presignatures.delete(pairAt(care.key.pair))
  await expect(ask(care.world.rng(32))).rejects.toMatchObject({ code: 'INVALID_KEY_SHARE' })
})
