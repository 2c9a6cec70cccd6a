import { encodeSignatureShare, type OnlineMessage, onlineShare, type Presignature } from '@tandem/ecdsa'
import type { JournalEntry, PartyIndex } from '@tandem/rounds'
import { fromHex, toBase64url, toHex, type TwoFactorCode } from '@tandem/wire'
import { type Device, startDialogue } from '../device.ts'
import { signOnDevice } from '../dialogue/dialogue-sign.ts'
import { TandemError } from '../errors.ts'
import { requireTheirs } from '../members.ts'
import { poison, recordCheck } from '../vault/journal.ts'
import { chooseQuorum, isAway, withQuorum } from './quorum.ts'
import { currentShare, signersOf, signingKey } from './signing-key.ts'
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
 * Signs with presignatures while there are any, then interactively. Beside a committee those are left whose members failed last.
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
  const { standing } = device
  for (let tries = 0; tries < MAX_PRESIGNATURES_TRIED; tries++) {
    const presignature = stock.take(keyId, ({ signers }) => (standing.failuresOf(signers) === 0 ? 0 : undefined))
    if (presignature === undefined) break
    try {
      return await submit(await shareOf(device, keyId, presignature, approved))
    } catch (error) {
      if (isSpent(error)) continue
      if (!isCommittee(presignature) || !isAway(error)) throw error
      noteAway(device, stock, keyId, presignature)
    }
  }
  await signInteractively(device, keyId, approved).catch(unlessSigned)
  return submit(undefined)
}

/** The presignature is gone either way; the session is not, so another one may serve it. */
function isSpent(error: unknown): boolean {
  return error instanceof TandemError && (error.code === 'PRESIGNATURE_CONSUMED' || error.code === 'MPC_SIGNING_FAILED')
}

/** By a member that got further than others in an attempt before this one: its signature is as good. */
function unlessSigned(error: unknown): void {
  const signed = error instanceof TandemError && error.code === 'SESSION_CONSUMED' && error.members !== undefined
  if (!signed) throw error
}

export function isCommittee({ signers }: Pick<Presignature, 'signers'>): boolean {
  return signers.length > 2
}

/** What the same quorum made is of no use while one of it is away, and quickly made again with others. */
export function noteAway(
  { standing }: Device,
  stock: Stock<Presignature>,
  keyId: string,
  { signers }: Pick<Presignature, 'signers'>,
): void {
  standing.failed(signers.slice(0, -1))
  stock.keep(keyId, (other) => other.signers.join() !== signers.join())
}

async function shareOf(device: Device, keyId: string, presignature: Presignature, approved: Approved): Promise<string> {
  const { backend, platform, vault, onProgress } = device
  onProgress({ step: 'sign' })
  const share = currentShare(backend, await loadWallet(vault, keyId))
  const { publicKey, chainCode, epoch } = share
  const key = { publicKey, chainCode, epoch, signers: signersOf(share, presignature) }
  const online = onlineShare(backend, presignature, key, { ...approved, rhoD: platform.random(32) })
  return toBase64url(encodeSignatureShare(online.share))
}

/** Ticket, dialogue, signature stored at Sigpair under the session. Source: docs/spec/flows.md, section 6. */
export async function signInteractively(device: Device, keyId: string, approved: Approved): Promise<void> {
  const { platform, backend, vault, onProgress } = device
  await device.exclusively(keyId, async () => {
    const { sessionId, twoFactorCode } = approved
    const ask = { operation: 'sign' as const, keyId, sessionId, ...(twoFactorCode && { twoFactorCode }) }
    const open = async () => {
      const record = await loadWallet(vault, keyId)
      const share = currentShare(backend, record)
      share.secret.fill(0)
      requireTheirs(await device.sigpairKeys(), share)
      const hello = { op: 'sign' as const, sigid: toHex(platform.random(32)), rhoD: toHex(platform.random(32)) }
      const choose = (reached: readonly number[]) => chooseQuorum(device, record, share, reached)
      return { legs: (await startDialogue(device, ask, hello, choose)).legs, hello }
    }
    await withQuorum(device, open, async ({ legs, hello: { sigid, rhoD } }) => {
      const key = signingKey(backend, await loadWallet(vault, keyId), legs.signers)
      const message = { ...approved, rhoD: fromHex(rhoD) }
      const record = async (entry: JournalEntry) =>
        entry.entry === 'store' ? undefined : recordCheck(vault, keyId, entry)
      const onBan = async (culprits: readonly PartyIndex[]) => poison(vault, keyId, culprits)
      await signOnDevice(legs, { platform, backend, key, sigid, message, record, onBan, onProgress })
    })
  })
}
