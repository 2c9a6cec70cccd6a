import { ed25519 } from '@noble/curves/ed25519.js'
import {
  type Backend,
  combine,
  type CurrentKey,
  keygen,
  type KeygenResult,
  type OnlineMessage,
  onlineShare,
  presign,
  type Presignature,
  SHARE_BYTES,
  type Sharing,
  type Signature,
  type SigningKey,
} from '@tandem/ecdsa'
import { keyId, type PartyIndex, partyIndex, sessionId } from '@tandem/rounds'
import { inTurn } from './in-turn.ts'
import { median, progress, type Row } from './measure.ts'
import { open, rng } from './parties.ts'

/** The committees that are measured, t of n. */
export const COMMITTEES: readonly Sharing[] = [
  { threshold: 2, parties: 3 },
  { threshold: 3, parties: 5 },
  { threshold: 7, parties: 10 },
]

/** A device and any two of three nodes. The device counts in both numbers. */
export const DEVICE_AND_2OF3: Sharing = { threshold: 3, parties: 4, withDevice: true }

/** What a run took: all parties one after the other on this thread, and every byte that travelled. */
export type Cost = { readonly ms: number; readonly bytes: number }

/**
 * The rows of one committee: processor time and bytes *per party*, for a new key and for a signature from nothing (presign and
 * online step; every share is checked by one party alone).
 */
export function committeeRows(backend: Backend, sharing: Sharing, repeats = 5): Row[] {
  const { threshold, parties } = sharing
  const name = sharing.withDevice ? `device_${threshold - 1}of${parties - 1}` : `${threshold}of${parties}`
  progress(`${name}: generating a key`)
  const { results, cost: made } = timeKeygen(backend, sharing)
  const keys = results.map((result) => open(backend, result))
  progress(`${name}: signing`)
  const signed = Array.from({ length: repeats }, () => timeSign(backend, keys, quorumOf(sharing)).cost)
  const ms = median(signed.map((cost) => cost.ms))
  return [
    { name: `keygen_${name}_per_party_ms`, value: made.ms / parties, unit: 'ms' },
    { name: `keygen_${name}_per_party_bytes`, value: made.bytes / parties, unit: 'bytes' },
    { name: `sign_${name}_per_signer_ms`, value: ms / threshold, unit: 'ms' },
    { name: `sign_${name}_per_signer_bytes`, value: signed[0]!.bytes / threshold, unit: 'bytes' },
  ]
}

/** A key generation, from the first draw to the last acknowledgement. */
export function timeKeygen(backend: Backend, { parties, ...shape }: Sharing) {
  const secrets = Array.from({ length: parties }, () => ed25519.utils.randomSecretKey())
  const identities = secrets.map((secret) => ed25519.getPublicKey(secret))
  const id = keyId(rng(32))
  const runs = secrets.map((secret, at) => {
    const sign = (message: Uint8Array) => ed25519.sign(message, secret)
    const self = partyIndex(at + 1)
    return [self, keygen({ keyId: id, self, ...shape, identities }, { backend, rng, sign })] as const
  })
  const { value, ms } = timed(() => inTurn(new Map(runs)))
  const results: readonly KeygenResult[] = value.outputs
  return { results, cost: { ms, bytes: value.bytes } satisfies Cost }
}

/** One verified signature of these signers: three rounds of presigning, then everybody's share to one of them. */
export function timeSign(backend: Backend, keys: readonly SigningKey[], signers: readonly PartyIndex[]) {
  const session = { sigid: sessionId(rng(32)), signers }
  const own = signers.map((i) => keys[i - 1]!)
  const { value, ms } = timed(() => {
    const runs = own.map((key) => [key.share.self, presign(session, key, { backend, rng })] as const)
    const { outputs, bytes } = inTurn(new Map(runs))
    return { signature: online(backend, own[0]!, outputs, signers), bytes: bytes + SHARE_BYTES * (signers.length - 1) }
  })
  return { signature: value.signature, cost: { ms, bytes: value.bytes } satisfies Cost }
}

/** The first t parties; with a device, as many nodes less one, and the device. */
export function quorumOf({ threshold, parties, withDevice }: Sharing): PartyIndex[] {
  const first = Array.from({ length: threshold }, (_, i) => partyIndex(i + 1))
  return withDevice ? first.with(-1, partyIndex(parties)) : first
}

function online(
  backend: Backend,
  { share }: SigningKey,
  presignatures: readonly Presignature[],
  signers: readonly PartyIndex[],
): Signature {
  const { publicKey, chainCode, epoch } = share
  const current: CurrentKey = { publicKey, chainCode, epoch, signers }
  const message: OnlineMessage = { digest: rng(32), path: [], rhoS: rng(32), rhoD: new Uint8Array(32) }
  const parts = presignatures.map((one) => onlineShare(backend, one, current, message))
  return combine(
    backend,
    parts[0]!.target,
    parts.map((part) => part.share),
    'evm',
  )
}

function timed<T>(act: () => T): { readonly value: T; readonly ms: number } {
  const start = process.threadCpuUsage()
  const value = act()
  const { user, system } = process.threadCpuUsage(start)
  return { value, ms: (user + system) / 1000 }
}
