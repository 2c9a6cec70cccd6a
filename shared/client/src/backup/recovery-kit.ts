import { type Backend, backupKey, noble } from '@tandem/ecdsa'
import type { Rng } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { defaultPlatform } from '../platform.ts'

/** The key pair of backups of Sigpair's share. It serves nothing else. */
export type RecoveryKit = {
  /** opens the backups: 32 bytes, kept offline by the owner, never by whoever runs Sigpair; overwritten once it is written down */
  readonly dk: Uint8Array
  /** the public half, 0x-hex of 33 bytes, as `backUp` takes it */
  readonly encryptionKey: string
}

/** Source: docs/spec/backup.md 1.1. */
export function createRecoveryKit(random: Rng = defaultPlatform().random, backend: Backend = noble): RecoveryKit {
  const { dk, ek } = backupKey(backend, random)
  return { dk, encryptionKey: toHex(ek) }
}
