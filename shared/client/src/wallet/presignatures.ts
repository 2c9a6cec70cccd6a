import type { Presignature } from '@tandem/ecdsa'
import { limits, toHex } from '@tandem/wire'
import { type Device, startDialogue } from '../device.ts'
import { presignOnDevice } from '../dialogue/dialogue-presign.ts'
import { poison, recordCheck } from '../vault/journal.ts'
import { settleStage } from './reconcile.ts'
import { signingKey } from './signing-key.ts'
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
  const key = signingKey(backend, await loadWallet(vault, keyId))
  const sigids = Array.from({ length: count }, () => toHex(platform.random(32)))
  const hello = { op: 'presign' as const, count, sigids, inventory: stock.ids(keyId) }
  const { dialogue } = await startDialogue(device, { operation: 'presign', keyId }, hello)
  try {
    const made = await presignOnDevice(dialogue, {
      platform,
      backend,
      key,
      sigids,
      record: async (entry) => recordCheck(vault, keyId, entry),
      onBan: async () => {
        stock.clear(keyId)
        await poison(vault, keyId)
      },
      onProgress,
    })
    stock.put(keyId, made)
    return made.length
  } finally {
    dialogue.close()
  }
}
