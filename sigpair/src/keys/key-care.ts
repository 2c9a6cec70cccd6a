import { type KeyCare, toHex } from '@tandem/wire'
import { enrolledRecoveryKey } from './key-status.ts'
import { openRestore } from './restore.ts'
import type { KeyRecord } from '../records.ts'
import { backupAt, type Stores } from '../stores.ts'

/** What the owner wants to know besides whether the key signs. Absent where there is nothing to say. */
export async function careOf({ parties, now }: Pick<Stores, 'parties' | 'now'>, key: KeyRecord): Promise<KeyCare> {
  const { keyId, current, exportedAt } = key
  const recoveryKey = enrolledRecoveryKey(key, now())
  const backup = recoveryKey && current ? await parties.get(backupAt({ keyId, ssid: current.ssid }, recoveryKey)) : null
  const restore = openRestore(key, now())
  return {
    ...(recoveryKey ? { recoveryKey } : {}),
    ...(backup ? { backup: { verificationHash: toHex(backup.data.hash) } } : {}),
    ...(restore ? { restore: shown(restore) } : {}),
    ...(exportedAt === null ? {} : { exportedAt: Math.floor(exportedAt / 1000) }),
  }
}

function shown({ restoreId, reason, notBefore }: NonNullable<KeyRecord['restore']>): NonNullable<KeyCare['restore']> {
  return { restoreId, reason, notBefore: Math.ceil(notBefore / 1000) }
}
