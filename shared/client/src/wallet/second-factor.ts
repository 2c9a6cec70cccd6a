import type { BeginEnrolmentRequest, EnrolmentKind, EnrolResponse, Intent, TwoFactorCode } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { loadWallets } from '../vault/wallet-record.ts'
import { signIntent } from './intent.ts'

/**
 * Begins the enrolment of an authenticator app. The first one beside a key carries this device's intent; whoever has a second
 * factor already proves it.
 *
 * @param twoFactorCode of the second factor there is
 * @returns what the app scans; in force once it is confirmed, within ten minutes
 * @throws {TandemError} `TWO_FACTOR_REQUIRED` without a code that is needed; `FORBIDDEN` if another device holds the keys
 *
 * Source: docs/spec/two-factor.md, section 3.
 */
export async function enrolSecondFactor(device: Device, twoFactorCode?: TwoFactorCode): Promise<EnrolResponse> {
  const { api } = device
  if (twoFactorCode !== undefined) return api.enrolTotp({ twoFactorCode })
  try {
    return await api.enrolTotp(await unproved(device, 'totp'))
  } catch (error) {
    // The answer to it was lost: an intent counts once, so the repetition needs its own.
    if (!(error instanceof TandemError) || error.details !== 'intent.nonce') throw error
    return api.enrolTotp(await unproved(device, 'totp'))
  }
}

/** With an intent if this device holds a key that can vouch for it. */
async function unproved(device: Device, enrol: EnrolmentKind): Promise<BeginEnrolmentRequest> {
  const intent = await enrolmentIntent(device, enrol)
  return intent === undefined ? {} : { intent }
}

async function enrolmentIntent(
  { platform, vault, identity }: Device,
  enrol: EnrolmentKind,
): Promise<Intent | undefined> {
  // Of a wallet that is being restored to this device another one is enrolled still.
  const wallet = (await loadWallets(vault)).find(
    ({ current, restoring }) => current !== null && restoring?.reason !== 'device-lost',
  )
  if (!wallet?.current) return undefined
  const about = { op: '2fa' as const, keyId: wallet.keyId, epoch: wallet.current.epoch }
  return signIntent(platform, await identity(), about, { enrol })
}
