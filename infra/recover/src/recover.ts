import type { AgeKey } from '@tandem/client/backup'
import type { Backend, KeyShare } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { drill } from './drill.ts'
import { askHidden, askNewSecret, readBytes, readFirstLine, readRecoveryKey } from './inputs.ts'
import { writeKeystore } from './keystore.ts'
import type { KeyFile, RecoverOptions } from './options.ts'
import { type CommitteeFile, type Opened, openDeviceShare, openShares } from './shares.ts'
import { readSigpairFile } from './sigpair-file.ts'

/**
 * Opens both backups, says what they are, and does what is asked for with them. Needs no server and no network.
 *
 * @param print one line for the owner; never a secret
 * @throws {RecoverError} and {TandemError} `BACKUP`, naming the input that is wrong
 *
 * Source: docs/spec/backup.md, section 5.
 */
export async function recover(backend: Backend, options: RecoverOptions, print: (line: string) => void): Promise<void> {
  const opened = await openBackups(backend, options)
  const { device, others, verificationHash, committee } = opened
  try {
    const address = computeAddress(toHex(device.publicKey))
    print(`address            ${address}`)
    print(`epoch              ${device.epoch}`)
    print(`verification hash  ${verificationHash}`)
    if (committee !== undefined) showCommittee(committee, others, print)
    if (options.drill !== undefined) await showDrill(backend, opened, options.drill, address, print)
    if (options.out !== undefined) await showKeystore(opened, options.out, address, print)
  } finally {
    for (const share of [device, ...others]) share.secret.fill(0)
  }
}

async function openBackups(backend: Backend, options: RecoverOptions): Promise<Opened> {
  const file = await readBytes(options.device, 'The device’s backup')
  const sigpairFile = await readSigpairFile(options.sigpair)
  const dk = await readRecoveryKey(options.recoveryKey)
  let device: KeyShare | undefined
  let opened: Opened | undefined
  try {
    device = await openDeviceShare(backend, file, await ageKeyOf(options.opensDevice))
    opened = openShares(backend, device, sigpairFile, dk)
    return opened
  } finally {
    dk.fill(0)
    if (opened === undefined) device?.secret.fill(0)
  }
}

async function ageKeyOf(file: KeyFile | undefined): Promise<AgeKey> {
  if (file === undefined) return { passphrase: await askHidden('Passphrase of the device’s backup: ') }
  if (file.kind === 'passphrase') return { passphrase: await readFirstLine(file.path, 'The passphrase') }
  return { identity: await readFirstLine(file.path, 'The age identity') }
}

function showCommittee(committee: CommitteeFile, others: Opened['others'], print: (line: string) => void): void {
  const { members, needed, closed, missing, asNamed } = committee
  if (!asNamed) print('The file names another verification hash: a part of it was changed, or is missing.')
  print(`members            ${members}, and ${needed} of them are needed`)
  print(`opened             ${others.length}: ${names(others.map(({ self }) => self))}`)
  if (closed.length > 0)
    print(`not opened         ${names(closed)}: damaged, or of another recovery key, wallet or epoch`)
  if (missing.length > 0) print(`not in the file    ${names(missing)}`)
}

function names(members: readonly number[]): string {
  return members.map((index) => `member ${index}`).join(', ')
}

async function showDrill(
  backend: Backend,
  { device, others, committee }: Opened,
  text: string,
  address: string,
  print: (line: string) => void,
): Promise<void> {
  const signers = others.slice(0, device.threshold - 1)
  const shares = [device, ...signers].sort((a, b) => a.self - b.self)
  const signature = await drill(backend, shares, text, address)
  const who = committee === undefined ? 'The two halves' : `The device, ${names(signers.map(({ self }) => self))}`
  print(`text               ${text}`)
  print(`signature          ${signature}`)
  print(`${who} sign for this address. Nothing was put together, and nothing was kept.`)
}

async function showKeystore(
  opened: Opened,
  { path, passwordFile }: NonNullable<RecoverOptions['out']>,
  address: string,
  print: (line: string) => void,
): Promise<void> {
  const password =
    passwordFile === undefined
      ? await askNewSecret('Password of the keystore: ')
      : await readFirstLine(passwordFile, 'The password')
  await writeKeystore(opened, address, path, password)
  print(`keystore           ${path}`)
  print('The whole key is in this file now. Move the funds, or import it; Tandem’s shares protect it no longer.')
}
