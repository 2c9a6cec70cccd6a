import { readFileSync } from 'node:fs'
import { SUITE } from '@tandem/rounds'
import { le16, le32 } from '../../../shared/ecdsa/src/math/bytes.ts'
import { H2S, TH } from '../../../shared/ecdsa/src/math/hash.ts'
import { openAlice, openBob, pprfReceive, pprfSend } from '../../../shared/ecdsa/src/multiply/pprf.ts'
import { aliceCheck, aliceRespond, bobFinish, bobStart } from '../../../shared/ecdsa/src/multiply/rvole.ts'
import { selfTest } from '../../../shared/ecdsa/src/multiply/self-test.ts'
import { bitOf, dealBaseOts, flipBit, sha2 } from '../../helpers/multiply.ts'
import { q } from '../../helpers/reference/curve.ts'
import * as slow from '../../helpers/reference/hash.ts'
import * as slowPprf from '../../helpers/reference/pprf.ts'
import * as slowRvole from '../../helpers/reference/rvole.ts'

const vector = new URL('../../vectors/rvole_kat_k4.json', import.meta.url)
const { source: _, seed, ...KNOWN } = JSON.parse(readFileSync(vector, 'utf8')) as Record<string, string>

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const hexOf = (x: bigint) => x.toString(16).padStart(64, '0')
const zeros = new Uint8Array(32)

/** The transcript's randomness. */
function counterRng() {
  let counter = 0
  const block = () => sha2.sha256(Buffer.concat([Buffer.from(seed!, 'ascii'), le32(counter++)]))
  return (n: number) => Uint8Array.from(Buffer.concat(slow.range(Math.ceil(n / 32)).map(block)).subarray(0, n))
}

function scalarFrom(rng: (n: number) => Uint8Array): bigint {
  for (;;) {
    const x = slow.BE(rng(32))
    if (x > 0n && x < q) return x
  }
}

/** What the transcript draws before the protocol runs. */
function dealt() {
  const rng = counterRng()
  const base = dealBaseOts(rng)
  return { rng, base, a: [scalarFrom(rng), scalarFrom(rng)] as const }
}

/** The lines that are read off the messages, whoever made them. */
function linesOf(pprf: Uint8Array, r1: Uint8Array, r2: Uint8Array) {
  return {
    pprf_msg_hash: hex(slow.TH('kat', pprf)),
    nb: hex(r1.subarray(0, 32)),
    u_hash: hex(slow.TH('kat', r1.subarray(32, 2208))),
    x_tilde: hex(r1.subarray(2208, 2224)),
    h: hex(r1.subarray(2224)),
    na: hex(r2.subarray(0, 32)),
    a_tilde_hash: hex(slow.TH('kat', r2.subarray(32, 39_968))),
    eta: hex(r2.subarray(39_968, 40_000)),
    mu: hex(r2.subarray(40_000)),
  }
}

function inputLines() {
  const { rng, base, a } = dealt()
  const nb = rng(32)
  return {
    delta_bot_choice: hex(base.choices),
    k0_0: hex(base.bobKeys.subarray(0, 16)),
    k1_0: hex(base.bobKeys.subarray(16, 32)),
    a0: hexOf(a[0]),
    a1: hexOf(a[1]),
    nb: hex(nb),
    x_prime: hex(rng(68)),
  }
}

test('the product reproduces every line of the transcript', () => {
  const { rng, base, a } = dealt()
  const pd = TH(sha2, 'pair', zeros, le32(0), le16(1), le16(2))
  const sid = TH(sha2, 'rv', zeros, le16(1), le16(2))
  const sent = pprfSend(sha2, pd, base.bobKeys)
  const seeds = pprfReceive(sha2, pd, base.choices, base.aliceKeys, sent.message)!
  const [bob, alice] = [openBob(sha2, pd, sent.seeds), openAlice(sha2, pd, seeds)]

  const { r1, b, state } = bobStart(sha2, bob, sid, rng)
  const checked = aliceCheck(sha2, alice, sid, r1)!
  const { r2, c } = aliceRespond(sha2, checked, a, rng)
  const finished = bobFinish(sha2, state, r2)
  const d = 'd' in finished ? finished.d : ([0n, 0n] as const)

  const s1 = TH(sha2, 'rvole/s1', sid, r1.subarray(0, 32))
  const delta = slow.range(16).map((i) => seeds.punctured[2 * i]! | (seeds.punctured[2 * i + 1]! << 4))
  expect({
    suite: SUITE,
    TH_empty: hex(TH(sha2, 'kat')),
    TH_ab: hex(TH(sha2, 'kat', Uint8Array.of(1), Uint8Array.of(2, 3))),
    H2S: hexOf(H2S(sha2, 'kat', Uint8Array.of(1))),
    PD: hex(pd),
    sid: hex(sid),
    ...inputLines(),
    ...linesOf(sent.message, r1, r2),
    punct: hex(seeds.punctured),
    Delta: hex(Uint8Array.from(delta)),
    seed_0_0: hex(bob.leaves.subarray(0, 16)),
    s1: hex(s1),
    gadget0: hexOf(slowRvole.gadgetOf(s1, 0)),
    b: hexOf(b),
    c0: hexOf(c[0]),
    c1: hexOf(c[1]),
    d0: hexOf(d[0]),
    d1: hexOf(d[1]),
    check: String('d' in finished),
  }).toEqual(KNOWN)
})

test('the reference reproduces them too', () => {
  const { rng, base, a } = dealt()
  const pd = slow.TH('pair', zeros, slow.LE(0, 4), slow.LE(1, 2), slow.LE(2, 2))
  const sid = slow.TH('rv', zeros, slow.LE(1, 2), slow.LE(2, 2))
  const bits = slow.range(128).map((i) => bitOf(base.choices, i))
  const sent = slowPprf.pprfSend(pd, base.bobKeys)
  const received = slowPprf.pprfReceive(pd, bits, base.aliceKeys, sent.message)!

  const { r1, b, state } = slowRvole.bobStart(sent.leaves, sid, { nb: rng(32), xPrime: rng(68) })
  const checked = slowRvole.aliceCheck(received.leaves, received.punctured, sid, r1)!
  const { r2, c } = slowRvole.aliceRespond(checked, a, { na: rng(32), aHat: scalarFrom(rng) })
  const finished = slowRvole.bobFinish(state, r2)
  const d = 'd' in finished ? finished.d : ([0n, 0n] as const)
  const [c0, c1, d0, d1] = [c[0], c[1], d[0], d[1]].map(hexOf)
  expect(KNOWN).toMatchObject({
    PD: hex(pd),
    sid: hex(sid),
    ...linesOf(sent.message, r1, r2),
    b: hexOf(b),
    c0,
    c1,
    d0,
    d1,
  })
  expect(KNOWN).toMatchObject({
    TH_empty: hex(slow.TH('kat')),
    TH_ab: hex(slow.TH('kat', Uint8Array.of(1), Uint8Array.of(2, 3))),
    H2S: hexOf(slow.H2S('kat', Uint8Array.of(1))),
  })
})

test('the self-test of the services passes with good digests and fails with bad ones', () => {
  expect(selfTest(sha2)).toBe(true)
  expect(selfTest({ ...sha2, sha256: (data) => flipBit(sha2.sha256(data), 0) })).toBe(false)
  expect(selfTest({ ...sha2, sha512: (data) => flipBit(sha2.sha512(data), 300) })).toBe(false)
  expect(selfTest({ ...sha2, sha256: () => new Uint8Array(0) })).toBe(false)
})
