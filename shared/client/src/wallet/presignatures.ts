import type { Presignature } from '@tandem/ecdsa'
import type { JournalEntry, PartyIndex } from '@tandem/rounds'
import { limits, toHex } from '@tandem/wire'
import { type Device, startDialogue } from '../device.ts'
import { presignOnDevice } from '../dialogue/dialogue-presign.ts'
import { requireTheirs } from '../members.ts'
import { poison, recordCheck } from '../vault/journal.ts'
import { chooseQuorum, withQuorum } from './quorum.ts'
import { settleStage } from './reconcile.ts'
import { currentShare, signingKey } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { loadWallet } from '../vault/wallet-record.ts'

/**
 * Makes presignatures until `target` are in stock, at most {@link limits.MAX_PRESIGN_BATCH} per dialogue.
 *
 * @returns how many are in stock
 *
 * Source: docs/spec/flows.md, section 4.
 */
export async function fillPresignatures(
  device: Device,
  stock: Stock<Presignature>,
  keyId: string,
  target: number,
): Promise<number> {
  await settleStage(device, stock, keyId)
  return device.exclusively(keyId, async () => {
    while (stock.size(keyId) < target) {
      const missing = Math.min(target - stock.size(keyId), limits.MAX_PRESIGN_BATCH)
      const made = await presignOnce(device, stock, keyId, missing)
      if (made === 0) break
    }
    return stock.size(keyId)
  })
}

async function presignOnce(device: Device, stock: Stock<Presignature>, keyId: string, count: number): Promise<number> {
  const { platform, backend, vault, onProgress } = device
  const open = async () => {
    const record = await loadWallet(vault, keyId)
    const share = currentShare(backend, record)
    share.secret.fill(0)
    requireTheirs(await device.sigpairKeys(), share)
    const sigids = Array.from({ length: count }, () => toHex(platform.random(32)))
    const hello = { op: 'presign' as const, count, sigids, inventory: stock.ids(keyId) }
    const choose = (reached: readonly number[]) => chooseQuorum(device, record, share, reached)
    const { legs } = await startDialogue(device, { operation: 'presign', keyId }, hello, choose)
    return { legs, hello }
  }
  return withQuorum(device, open, async ({ legs, hello: { sigids } }) => {
    const key = signingKey(backend, await loadWallet(vault, keyId), legs.signers)
    const record = async (entry: JournalEntry) => recordCheck(vault, keyId, entry)
    const onBan = async (culprits: readonly PartyIndex[]) => {
      stock.keep(keyId, ({ signers }) => !signers.some((index) => culprits.includes(index)))
      await poison(vault, keyId, culprits)
    }
    const made = await presignOnDevice(legs, { platform, backend, key, sigids, record, onBan, onProgress })
    stock.put(keyId, made)
    return made.length
  })
}
