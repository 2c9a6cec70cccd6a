import { setImmediate } from 'node:timers/promises'
import {
  backupStatement,
  decodeShare,
  type KeyShare,
  type PossessionPurpose,
  provePossession,
  pveEncrypt,
} from '@tandem/ecdsa'
import { runAlone } from '@tandem/rounds'
import { arithmetic } from './arithmetic.ts'
import { erase } from './erase.ts'
import { type HpkeSealed, hpkeSeal } from '../crypto/hpke.ts'
import { le16, le32, taggedHash } from '../crypto/hash.ts'

/** Short tasks on our own share. `share` is its encoding, alone in its buffer; nothing of it is left when they end. */
export type ShareTasks = {
  readonly encryptShare: (job: EncryptShareJob) => Promise<Uint8Array>
  readonly proveShare: (job: ProveShareJob) => Promise<Uint8Array>
  readonly sealShare: (job: SealShareJob) => Promise<HpkeSealed>
}

type ShareJob = { readonly share: Uint8Array }

/** `ek`: the owner's recovery key, 33 bytes. */
export type EncryptShareJob = ShareJob & { readonly ek: Uint8Array }

/** The backup of this epoch: 16 528 bytes. Source: docs/spec/backup.md, section 1. */
export async function encryptShare({ share, ek }: EncryptShareJob): Promise<Uint8Array> {
  const { backend, rng } = arithmetic()
  return withShare(share, async (opened) => {
    const statement = backupStatement(opened, { party: opened.self, purpose: 'recovery', ek })
    return runAlone(pveEncrypt(backend, statement, opened.secret, rng), () => setImmediate())
  })
}

export type ProveShareJob = ShareJob & { readonly why: PossessionPurpose }

/** A proof of our share, 65 bytes. */
export async function proveShare({ share, why }: ProveShareJob): Promise<Uint8Array> {
  const { backend, rng } = arithmetic()
  return withShare(share, async (opened) => provePossession(backend, opened, rng, why))
}

/** `recipient`: the device's X25519 key, 32 bytes. */
export type SealShareJob = ShareJob & { readonly recipient: Uint8Array }

/** Our share for one device. Source: docs/spec/flows.md 11.2. */
export async function sealShare({ share, recipient }: SealShareJob): Promise<HpkeSealed> {
  return withShare(share, async ({ keyId, epoch, self, secret }) =>
    hpkeSeal(recipient, secret, taggedHash('export', keyId, le32(epoch), le16(self))),
  )
}

async function withShare<T>(bytes: Uint8Array, act: (share: KeyShare) => Promise<T>): Promise<T> {
  let share: KeyShare | undefined
  try {
    share = decodeShare(arithmetic().backend, bytes)
    return await act(share)
  } finally {
    erase(bytes, ...(share ? [share.secret] : []))
  }
}
