import { readFileSync } from 'node:fs'
import { hexToBytes } from '@noble/hashes/utils.js'
import type { BackupStatement } from '@tandem/ecdsa'
import { keyId, partyIndex, sessionId } from '@tandem/rounds'

type File = Record<'keyId' | 'ssid' | 'publicShare' | 'ek' | 'dk' | 'secret' | 'hash', string> & {
  readonly ciphertext: string
}

/** A backup that was made once and must verify and open for ever. */
export type GoldenBackup = {
  readonly statement: BackupStatement
  /** the owner's private half, and the share */
  readonly dk: Uint8Array
  readonly secret: Uint8Array
  readonly hash: Uint8Array
  readonly ciphertext: Uint8Array
}

export function goldenBackup(): GoldenBackup {
  const url = new URL('../vectors/backup-v1_tandem.json', import.meta.url)
  const golden = JSON.parse(readFileSync(url, 'utf8')) as File
  const statement: BackupStatement = {
    keyId: keyId(hexToBytes(golden.keyId)),
    ssid: sessionId(hexToBytes(golden.ssid)),
    epoch: 3,
    party: partyIndex(2),
    publicShare: hexToBytes(golden.publicShare),
    purpose: 'recovery',
    ek: hexToBytes(golden.ek),
  }
  const ciphertext = Uint8Array.from(Buffer.from(golden.ciphertext, 'base64'))
  const { dk, secret, hash } = golden
  return { statement, ciphertext, dk: hexToBytes(dk), secret: hexToBytes(secret), hash: hexToBytes(hash) }
}
