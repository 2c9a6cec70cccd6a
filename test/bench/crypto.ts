import { native } from '@tandem/ec-native'
import { type Backend, encodePair, encodeShare, type KeygenResult, noble } from '@tandem/ecdsa'
import { randomScalar } from '../../shared/ecdsa/src/math/scalar.ts'
import { createSealer } from '../../sigpair/src/seal/seal.ts'
import { median, medianMs, progress, type Row } from './measure.ts'
import { generate, open, presignBoth, rng, signOnline } from './parties.ts'

/**
 * The rows of computation: both parties one after the other on one thread, every message serialised and parsed, every
 * signature verified. Pairs are open, as they are throughout a dialogue; what opening takes is told on the way.
 */
export async function cryptoRows(): Promise<Row[]> {
  const baseMs = [baseMult()]
  const fast = native()
  if (fast === undefined) progress('no native backend on this machine: its rows repeat noble')
  const portable = measure(noble)
  baseMs.push(baseMult())
  const server = fast === undefined ? portable : measure(fast)
  baseMs.push(baseMult())

  const both = (name: string, of: (times: Times) => number): Row[] => [
    { name, value: of(server), unit: 'ms' },
    { name: `${name}_noble_only`, value: of(portable), unit: 'ms' },
  ]
  return [
    { name: 'noble_base_mult_ms', value: median(baseMs), unit: 'ms' },
    ...both('keygen_2of2_both_parties_ms', ({ keygen }) => keygen),
    ...both('sign_2of2_both_parties_ms', ({ full }) => full),
    ...both('sign_online_both_parties_ms', ({ online }) => online),
    { name: 'wire_bytes_per_signature', value: server.wireBytes, unit: 'bytes' },
    { name: 'keyshare_bytes', value: await sealedBytes(fast ?? noble, server.result), unit: 'bytes' },
  ]
}

/** noble's multiplication of the base point by a fresh scalar: the yardstick, so that machines can be compared. */
function baseMult(): number {
  const scalars = Array.from({ length: 64 }, () => randomScalar(rng))
  let next = 0
  return medianMs(() => {
    noble.mulBase(scalars[next++ % scalars.length]!)
  })
}

type Times = {
  readonly keygen: number
  readonly full: number
  readonly online: number
  readonly wireBytes: number
  readonly result: KeygenResult
}

function measure(backend: Backend): Times {
  progress(`${backend.name}: generating keys`)
  let results = generate(backend)
  const keygen = medianMs(() => {
    results = generate(backend)
  })

  let keys = results.map((result) => open(backend, result))
  const opening = medianMs(() => {
    keys = results.map((result) => open(backend, result))
  })
  progress(`${backend.name}: both parties open the pair in ${opening.toFixed(1)} ms, once per dialogue`)

  progress(`${backend.name}: signing`)
  const sign = () => {
    const { presignatures, bytes } = presignBoth(backend, keys)
    return bytes + signOnline(backend, keys[0]!, presignatures).bytes
  }
  const full = medianMs(sign)

  const { presignatures } = presignBoth(backend, keys)
  const online = medianMs(() => signOnline(backend, keys[0]!, presignatures))
  return { keygen, full, online, wireBytes: sign(), result: results[0]! }
}

/** What one party keeps of a key, as Sigpair writes it: share and pair, each under its own wrapped data key. */
async function sealedBytes(backend: Backend, { share, pairs }: KeygenResult): Promise<number> {
  // Google Cloud KMS wraps a 32-byte key in 113 bytes; nothing else of it is measured here.
  const kek = 'projects/tandem/locations/europe-west3/keyRings/tandem/cryptoKeys/shares/cryptoKeyVersions/1'
  const sealer = createSealer({
    wrap: async () => ({ wrappedKey: rng(113), kek }),
    unwrap: async () => rng(32),
  })
  const context = { keyId: Buffer.from(share.keyId).toString('hex'), epoch: share.epoch }
  const sealed = [
    await sealer.seal({ ...context, purpose: 'share' }, encodeShare(backend, share)),
    ...(await Promise.all(
      pairs.map((pair) => sealer.seal({ ...context, purpose: 'pair' }, encodePair(backend, pair))),
    )),
  ]
  return sealed.reduce((sum, s) => sum + s.kek.length + s.wrappedKey.length + s.iv.length + s.ciphertext.length, 0)
}
