import type { AgeKey } from '@tandem/client/backup'
import type { KeyShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { drill } from './drill.ts'
import { type Halves, openBothHalves, openDeviceHalf } from './halves.ts'
import { askHidden, askNewSecret, readBytes, readFirstLine, readRecoveryKey, readSigpairFile } from './inputs.ts'
import { writeKeystore } from './keystore.ts'
import type { KeyFile, RecoverOptions } from './options.ts'

/**
 * Opens both backups, says what they are, and does what is asked for with them. Needs no server and no network.
 *
 * @param print one line for the owner; never a secret
 * @throws {RecoverError} and {TandemError} `BACKUP`, naming the input that is wrong
 *
 * Source: docs/spec/backup.md, section 5.
 */
export async function recover(options: RecoverOptions, print: (line: string) => void): Promise<void> {
  const halves = await openHalves(options)
  const { device, sigpair, verificationHash } = halves
  try {
    const address = computeAddress(toHex(device.publicKey))
    print(`address            ${address}`)
    print(`epoch              ${device.epoch}`)
    print(`verification hash  ${verificationHash}`)
    if (options.drill !== undefined) await showDrill(halves, options.drill, address, print)
    if (options.out !== undefined) await showKeystore(halves, options.out, address, print)
  } finally {
    for (const share of [device, sigpair]) share.secret.fill(0)
  }
}

async function openHalves(options: RecoverOptions): Promise<Halves> {
  const file = await readBytes(options.device, 'The device’s backup')
  const sigpairFile = await readSigpairFile(options.sigpair)
  const dk = await readRecoveryKey(options.recoveryKey)
  let device: KeyShare | undefined
  let halves: Halves | undefined
  try {
    device = await openDeviceHalf(file, await ageKeyOf(options.opensDevice))
    halves = openBothHalves(device, sigpairFile, dk)
    return halves
  } finally {
    dk.fill(0)
    if (halves === undefined) device?.secret.fill(0)
  }
}

async function ageKeyOf(file: KeyFile | undefined): Promise<AgeKey> {
  if (file === undefined) return { passphrase: await askHidden('Passphrase of the device’s backup: ') }
  if (file.kind === 'passphrase') return { passphrase: await readFirstLine(file.path, 'The passphrase') }
  return { identity: await readFirstLine(file.path, 'The age identity') }
}

async function showDrill(halves: Halves, text: string, address: string, print: (line: string) => void): Promise<void> {
  const signature = await drill(halves, text, address)
  print(`text               ${text}`)
  print(`signature          ${signature}`)
  print('The two halves sign for this address. Nothing was put together, and nothing was kept.')
}

async function showKeystore(
  halves: Halves,
  { path, passwordFile }: NonNullable<RecoverOptions['out']>,
  address: string,
  print: (line: string) => void,
): Promise<void> {
  const password =
    passwordFile === undefined
      ? await askNewSecret('Password of the keystore: ')
      : await readFirstLine(passwordFile, 'The password')
  await writeKeystore(halves, address, path, password)
  print(`keystore           ${path}`)
  print('The whole key is in this file now. Move the funds, or import it; Tandem’s two halves protect it no longer.')
}
