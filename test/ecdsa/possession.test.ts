import {
  type PossessionPurpose,
  POSSESSION_BYTES,
  provePossession,
  q,
  toBytes32,
  verifyPossession,
} from '@tandem/ecdsa'
import { keyId, sessionId } from '@tandem/rounds'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { backends, fast } from '../helpers/backends.ts'
import { dealtKey } from '../helpers/dealt-key.ts'
import { seeded } from '../helpers/rng.ts'

const rng = seeded('possession')
const { keys } = dealtKey(fast, 2, rng)
const [ours] = [...keys.values()].map(({ share }) => share)
const claim = { ...ours!, publicShare: ours!.publicShares[0]! }

const device = rng(64)
const challenge = rng(32)
const PURPOSES: readonly PossessionPurpose[] = [
  { purpose: 'commit' },
  { purpose: 'restore', device },
  { purpose: 'restore', device: device.with(0, device[0]! ^ 1) },
  { purpose: 'restore', device: device.with(63, device[63]! ^ 1) },
  { purpose: 'drill', challenge },
  { purpose: 'drill', challenge: challenge.with(31, challenge[31]! ^ 1) },
  // the same bytes for another purpose
  { purpose: 'restore', device: challenge },
  { purpose: 'drill', challenge: device },
]

test.each(backends)('a proof of possession made on $name holds everywhere', (backend) => {
  for (const why of PURPOSES) {
    const proof = provePossession(backend, ours!, seeded('proof'), why)
    expect(proof).toEqual(provePossession(fast, ours!, seeded('proof'), why))
    expect(proof).toHaveLength(POSSESSION_BYTES)
    for (const other of backends) expect(verifyPossession(other, claim, proof, why)).toBe(true)
  }
})

test('a proof for one purpose, device or challenge is worth nothing for another', () => {
  for (const made of PURPOSES) {
    const proof = provePossession(fast, ours!, seeded('proof'), made)
    for (const asked of PURPOSES) expect(verifyPossession(fast, claim, proof, asked)).toBe(asked === made)
  }
})

test('without a purpose it is the proof of a commit', () => {
  const proof = provePossession(fast, ours!, seeded('proof'))
  expect(verifyPossession(fast, claim, proof, { purpose: 'commit' })).toBe(true)
  expect(verifyPossession(fast, claim, provePossession(fast, ours!, seeded('proof'), PURPOSES[0]))).toBe(true)
})

test('a proof holds for its own share only: not another key, epoch, run or party', () => {
  for (const why of PURPOSES) {
    const proof = provePossession(fast, ours!, seeded('proof'), why)
    const others = [
      { ...claim, keyId: keyId(rng(32)) },
      { ...claim, epoch: claim.epoch + 1 },
      { ...claim, ssid: sessionId(rng(32)) },
      { ...claim, publicShare: ours!.publicShares[1]! },
    ]
    for (const other of others) expect(verifyPossession(fast, other, proof, why)).toBe(false)
  }
})

test('a proof with any bit changed, another length or a z out of range does not hold', () => {
  const why = PURPOSES[1]!
  const proof = provePossession(fast, ours!, seeded('proof'), why)
  for (let bit = 0; bit < 8 * POSSESSION_BYTES; bit += 7) {
    const changed = proof.with(bit >> 3, proof[bit >> 3]! ^ (1 << (bit & 7)))
    expect(verifyPossession(fast, claim, changed, why)).toBe(false)
  }
  const wrong = [new Uint8Array(), proof.slice(1), concat(proof, new Uint8Array(1)), new Uint8Array(POSSESSION_BYTES)]
  for (const z of [toBytes32(q), new Uint8Array(32).fill(0xff)]) wrong.push(concat(proof.slice(0, 33), z))
  for (const bytes of wrong) expect(verifyPossession(fast, claim, bytes, why)).toBe(false)
})

test('two proofs of one share have different nonces', () => {
  const [one, other] = ['a', 'b'].map((seed) => provePossession(fast, ours!, seeded(seed)).slice(0, 33))
  expect(one).not.toEqual(other)
})
