import { ascii, type Rng } from '@tandem/rounds'
import { concat, le16, le32 } from '../math/bytes.ts'
import { type Sha2, TH } from '../math/hash.ts'
import { randomScalar, toBytes32 } from '../math/scalar.ts'
import { openAlice, openBob, pprfReceive, pprfSend } from './pprf.ts'
import { aliceCheck, aliceRespond, bobFinish, bobStart } from './rvole.ts'

/** TH("kat"). Wrong digests are found before anything draws scalars from them, which might never end. */
const EMPTY = 'e165adee15db00b5902c3e19a48d587215f2a9e07289b53b446eabf6346c2390'
/** The end of the known-answer transcript; every earlier value enters these. All lines: test/vectors/rvole_kat_k4.json. */
const KNOWN = {
  pprf: 'e50e7b4acc11124e5b8060048c80220d1a46180bf268600b66410d9add26177d',
  punctured: '030208020d00020b030d080503030404030505080b0601010605040c030e030b',
  u: '007cd44648b8ccafee8ef58013a7bb8e4752d29f37a1113d10e0cb5a2db048c3',
  xTilde: '544041e934ac07800ecf85b9b8db4e83',
  h: '5aafd40c3c61aff032550d50a6ef53b23d0a8e0b833dd32116f83d6c989d35a0',
  b: '51c802e474554da6177a43a96fd4a1572a34b4819783c4a1ec322ca44f71f1a5',
  aTilde: 'c3ef123429ba77e2fa44fe06bad75b3bf3f625259516d2c0e9837ac7fef22c1d',
  eta: '982f657f69e88769123c0a488b2d7ceb5804b629441e990558723bd4d39ef9f4',
  mu: 'e312a45584ebc30e1faab9d4698c9a4b7cfc588798968fc721df9ed99c195e27',
  c0: 'e5f948bc9daa2a1be29d47907d2c8cd49ad8c7b417cf2b2193c3ca3a94fe698e',
  c1: '55bb599535e228c8725bbb917085aa973b477c9075a9b5ed3de1bcab8290ad4a',
  d0: '8398cb8317a3984b166bb1ce62d4a0e51cb5c011655e295aae5b4f4c5291a3fa',
  d1: 'bf47c50fe4aa10f0daa462817f836bc422ab6f6f8eaf227c98f98f96c6f83674',
} as const

/**
 * Replays the known-answer transcript of one multiplication. A process whose arithmetic or digests are broken would accuse
 * honest peers: it must refuse to serve. Takes a few tens of milliseconds in a cold process.
 *
 * Source: docs/spec/multiply.md, the transcript at its end.
 */
export function selfTest(sha: Sha2): boolean {
  try {
    if (hex(TH(sha, 'kat')) !== EMPTY) return false
    const answers = replay(sha)
    return (Object.keys(KNOWN) as (keyof typeof KNOWN)[]).every((name) => hex(answers[name]) === KNOWN[name])
  } catch {
    return false
  }
}

function replay(sha: Sha2): Record<keyof typeof KNOWN, Uint8Array> {
  const rng = counterRng(sha)
  const zeros = new Uint8Array(32)
  const pd = TH(sha, 'pair', zeros, le32(0), le16(1), le16(2))
  const sid = TH(sha, 'rv', zeros, le16(1), le16(2))

  const { choices, bobKeys, aliceKeys } = idealBaseOts(rng)
  const { message, seeds: bobSeeds } = pprfSend(sha, pd, bobKeys)
  const aliceSeeds = pprfReceive(sha, pd, choices, aliceKeys, message)!

  const a = [randomScalar(rng), randomScalar(rng)] as const
  const { r1, b, state } = bobStart(sha, openBob(sha, pd, bobSeeds), sid, rng)
  const alice = aliceCheck(sha, openAlice(sha, pd, aliceSeeds), sid, r1)!
  const { r2, c } = aliceRespond(sha, alice, a, rng)
  const finished = bobFinish(sha, state, r2)
  const d = 'd' in finished ? finished.d : ([0n, 0n] as const)

  return {
    pprf: TH(sha, 'kat', message),
    punctured: aliceSeeds.punctured,
    u: TH(sha, 'kat', r1.subarray(32, 2208)),
    xTilde: r1.subarray(2208, 2224),
    h: r1.subarray(2224),
    b: toBytes32(b),
    aTilde: TH(sha, 'kat', r2.subarray(32, 39968)),
    eta: r2.subarray(39968, 40000),
    mu: r2.subarray(40000),
    c0: toBytes32(c[0]),
    c1: toBytes32(c[1]),
    d0: toBytes32(d[0]),
    d1: toBytes32(d[1]),
  }
}

/** Base OTs as if a trusted party had dealt them. */
function idealBaseOts(rng: Rng): { choices: Uint8Array; bobKeys: Uint8Array; aliceKeys: Uint8Array } {
  const choices = rng(16)
  const pairs = Array.from({ length: 128 }, () => [rng(16), rng(16)] as const)
  const chosen = pairs.map((pair, i) => pair[((choices[i >>> 3]! >>> (i & 7)) & 1) as 0 | 1])
  return { choices, bobKeys: concat(...pairs.flat()), aliceKeys: concat(...chosen) }
}

/** The transcript's randomness: public. */
function counterRng({ sha256 }: Sha2): Rng {
  let counter = 0
  return (n) => {
    const blocks = Array.from({ length: Math.ceil(n / 32) }, () =>
      sha256(concat(ascii('mpcw-kat-seed-1'), le32(counter++))),
    )
    return concat(...blocks).slice(0, n)
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}
