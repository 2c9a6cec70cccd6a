import { encodeSignatureShare, type OnlineMessage, onlineShare, type Presignature } from '@tandem/ecdsa'
import { toBase64url, toHex, type TwoFactorCode } from '@tandem/wire'
import { type Device, startDialogue } from '../device.ts'
import { DEVICE, SIGPAIR } from '../dialogue/dialogue.ts'
import { signOnDevice } from '../dialogue/dialogue-sign.ts'
import { TandemError } from '../errors.ts'
import { poison, recordCheck } from '../vault/journal.ts'
import { currentShare, signingKey } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { loadWallet } from '../vault/wallet-record.ts'

/** What this device approved, under the session Sigpair keeps for it. */
export type Approved = Omit<OnlineMessage, 'rhoD'> & {
  readonly sessionId: string
  /** when the policy asks for it: good for the session, however many attempts that takes */
  readonly twoFactorCode?: TwoFactorCode | undefined
}

/** How often a spent or failed presignature is replaced before the signature is made interactively. */
const MAX_PRESIGNATURES_TRIED = 3

/**
 * Signs with presignatures while there are any, then interactively.
 *
 * @param submit hands our share to the backend (or nothing, when the dialogue has made the signature) and returns its answer
 */
export async function signSession<T>(
  device: Device,
  stock: Stock<Presignature>,
  keyId: string,
  approved: Approved,
  submit: (share: string | undefined) => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < MAX_PRESIGNATURES_TRIED; tries++) {
    const presignature = stock.take(keyId)
    if (presignature === undefined) break
    try {
      return await submit(await shareOf(device, keyId, presignature, approved))
    } catch (error) {
      if (!isSpent(error)) throw error
    }
  }
  await signInteractively(device, keyId, approved)
  return submit(undefined)
}

/** The presignature is gone either way; the session is not, so another one may serve it. */
function isSpent(error: unknown): boolean {
  return error instanceof TandemError && (error.code === 'PRESIGNATURE_CONSUMED' || error.code === 'MPC_SIGNING_FAILED')
}

async function shareOf(device: Device, keyId: string, presignature: Presignature, approved: Approved): Promise<string> {
  const { backend, platform, vault, onProgress } = device
  onProgress({ step: 'sign' })
  const share = currentShare(backend, await loadWallet(vault, keyId))
  const key = { publicKey: share.publicKey, chainCode: share.chainCode, epoch: share.epoch, signers: [DEVICE, SIGPAIR] }
  const online = onlineShare(backend, presignature, key, { ...approved, rhoD: platform.random(32) })
  return toBase64url(encodeSignatureShare(online.share))
}

/** Ticket, dialogue, signature stored at Sigpair under the session. Source: docs/spec/flows.md, section 6. */
export async function signInteractively(device: Device, keyId: string, approved: Approved): Promise<void> {
  const { platform, backend, vault, onProgress } = device
  await device.exclusively(keyId, async () => {
    const key = signingKey(backend, await loadWallet(vault, keyId))
    const [sigid, rhoD] = [toHex(platform.random(32)), platform.random(32)]
    const { sessionId, twoFactorCode } = approved
    const ask = { operation: 'sign' as const, keyId, sessionId, ...(twoFactorCode && { twoFactorCode }) }
    const { dialogue } = await startDialogue(device, ask, { op: 'sign', sigid, rhoD: toHex(rhoD) })
    try {
      await signOnDevice(dialogue, {
        platform,
        backend,
        key,
        sigid,
        message: { ...approved, rhoD },
        record: async (entry) => (entry.entry === 'store' ? undefined : recordCheck(vault, keyId, entry)),
        onBan: async () => poison(vault, keyId),
        onProgress,
      })
    } finally {
      dialogue.close()
    }
  })
}
