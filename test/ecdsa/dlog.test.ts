import { q, toBytes32 } from '@tandem/ecdsa'
import { concat } from '../../shared/ecdsa/src/math/bytes.ts'
import { DLOG_PROOF_BYTES, proveDlog, verifyDlog } from '../../shared/ecdsa/src/proof/dlog.ts'
import { backends, fast } from '../helpers/backends.ts'
import { seeded } from '../helpers/rng.ts'

const a = 0x1234567890abcdefn
const statement = { ssid: seeded('ssid')(32), prover: 1, A: fast.encode(fast.mulBase(a)), higher: [] }
const proof = proveDlog(fast, statement, a, seeded('proof'))

test.each(backends)('a proof made on $name holds everywhere', (backend) => {
  const made = proveDlog(backend, statement, a, seeded('proof'))
  expect(made).toEqual(proof)
  expect(made).toHaveLength(DLOG_PROOF_BYTES)
  expect(verifyDlog(backend, statement, proof)).toBe(true)
})

test('K6 a proof holds for its own statement only: not another run, another party or another point', () => {
  expect(verifyDlog(fast, { ...statement, ssid: seeded('other')(32) }, proof)).toBe(false)
  expect(verifyDlog(fast, { ...statement, prover: 2 }, proof)).toBe(false)
  expect(verifyDlog(fast, { ...statement, A: fast.encode(fast.mulBase(a + 1n)) }, proof)).toBe(false)
})

test('K6 a proof with any bit changed does not hold', () => {
  for (let bit = 0; bit < 8 * DLOG_PROOF_BYTES; bit += 7) {
    const changed = proof.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    expect(verifyDlog(fast, statement, changed)).toBe(false)
  }
})

test('a proof is exactly as long as it is', () => {
  expect(verifyDlog(fast, statement, proof.slice(1))).toBe(false)
  expect(verifyDlog(fast, statement, concat(proof, new Uint8Array(1)))).toBe(false)
  expect(verifyDlog(fast, statement, new Uint8Array(0))).toBe(false)
})

test('z is canonical', () => {
  for (const z of [toBytes32(q), toBytes32(q + 1n), new Uint8Array(32).fill(0xff)]) {
    expect(verifyDlog(fast, statement, concat(proof.slice(0, 33), z))).toBe(false)
  }
})

test('neither A nor T may be anything but a canonical point', () => {
  for (const bad of [new Uint8Array(33), Uint8Array.of(2, ...toBytes32(5n)), Uint8Array.of(4, ...proof.slice(1, 33))]) {
    expect(verifyDlog(fast, { ...statement, A: bad }, proof)).toBe(false)
    expect(verifyDlog(fast, statement, concat(bad, proof.slice(33)))).toBe(false)
  }
})

test('two proofs of one statement have different nonces', () => {
  expect(proveDlog(fast, statement, a, seeded('again')).slice(0, 33)).not.toEqual(proof.slice(0, 33))
})
