import { open } from 'node:fs/promises'
import { combineShares, noble } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { decryptKeystoreJson, encryptKeystoreJson } from 'ethers'
import { RecoverError } from './errors.ts'
import type { Opened } from './shares.ts'

/** A keystore outlives its computer, and whoever finds it may try passwords for years. */
const MIN_PASSWORD = 10

/**
 * Adds the shares up and writes the key as a JSON keystore (scrypt, N = 2^17), as other wallets import it: the end of its life
 * as a shared one. The file is new, for its owner's eyes only, and was read back and opened before this resolves.
 *
 * @throws {RecoverError} for a password that is too short, or a file that is there
 */
export async function writeKeystore(
  { device, others }: Opened,
  address: string,
  path: string,
  password: string,
): Promise<void> {
  if (password.length < MIN_PASSWORD) throw unfit(`A password needs ${MIN_PASSWORD} characters or more.`)
  const key = combineShares(noble, [device, ...others])
  try {
    // The library takes the key as text, which cannot be overwritten: this process should end soon.
    const json = await encryptKeystoreJson({ address, privateKey: toHex(key.secret) }, password)
    const opened = await decryptKeystoreJson(json, password)
    if (opened.address !== address) throw new Error('the keystore does not open to the key')
    await writeNew(path, json)
  } finally {
    key.secret.fill(0)
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw unfit(`The keystore cannot be written, or is there already: ${path}`, cause)
  })
  try {
    await file.writeFile(`${text}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

function unfit(message: string, cause?: unknown): RecoverError {
  return new RecoverError('input', message, cause)
}
