import type { TandemClient, Wallet } from '@tandem/client'
import { createRecoveryKit, openAgeFile, sealWithAge } from '@tandem/client/backup'
import type { Rng } from '@tandem/rounds'
import { verifyMessage } from 'ethers'
import { URI } from 'otpauth'
import type { Stack } from '../stack/stack.ts'
import type { Teller } from './tell.ts'

export type CareScene = {
  readonly stack: Pick<Stack, 'functionsUrl' | 'tokenOf' | 'members'>
  readonly user: string
  readonly client: TandemClient
  readonly wallet: Wallet
  readonly step: Teller['step']
  readonly say: Teller['say']
  readonly random?: Rng | undefined
}

/** For the age file of the story, which dies with it. */
const PASSPHRASE = 'correct horse battery staple'

/**
 * New shares for the same key: both halves backed up, rotated, and proved to act together. Leaves the user without a second
 * factor, so that the next story can begin as this one did.
 *
 * @throws {Error} with the reason, if anything is not as it must be
 */
export async function tellCare(scene: CareScene): Promise<void> {
  if (await hasSecondFactor(scene)) {
    scene.say(`  ${scene.user} has a second factor already: try this with your own authenticator app`)
    return
  }
  const codes = await scene.step('put a second factor beside the key (TOTP)', async () => enrol(scene.client))
  try {
    await care(scene, codes)
  } finally {
    await call(scene, 'POST', '/api/v1/2fa/disable', { twoFactorCode: codes.pop() })
  }
}

/** @param codes each good once; the last is left */
async function care({ stack, client, wallet, step, random }: CareScene, codes: string[]): Promise<void> {
  const [whose, who] = stack.members.length === 0 ? ['Sigpair’s half', 'Sigpair fit'] : ['all shares', 'members fit']
  const kit = createRecoveryKit(random)
  const { encryptionKey } = kit
  kit.dk.fill(0) // here nobody will need it; an app shows it to its user, once
  await step(
    `back up ${whose}, verified unopened`,
    async () => client.backUp(wallet, { encryptionKey, twoFactorCode: codes.pop() }),
    ({ verificationHash }) => `${verificationHash.slice(0, 18)}…`,
  )

  let ageFile = new Uint8Array()
  const backups = {
    seal: sealWithAge({ passphrase: PASSPHRASE }),
    save: async (made: { readonly device: Uint8Array }) => {
      ageFile = Uint8Array.from(made.device)
    },
  }
  const rotate = async () => client.rotateKey(wallet, { backups, twoFactorCode: codes.pop() })
  await step('rotate: new halves, new backups, same address', rotate, ({ epoch }) => `epoch ${epoch}`)

  const drill = async () => {
    const opened = await openAgeFile(ageFile, { passphrase: PASSPHRASE })
    return client.drill(wallet, opened).finally(() => opened.fill(0))
  }
  await step(`drill: the new age file and ${who}`, drill, ({ epoch }) => `epoch ${epoch}, ${ageFile.length} bytes`)

  const text = 'Signed by halves that did not exist a moment ago.'
  await step('sign a text with the new halves', async () => {
    if (verifyMessage(text, await client.signMessage(wallet, text)) !== wallet.address)
      throw new Error('after the rotation the wallet has another address')
  })
}

/** As an authenticator app does. @returns recovery codes */
async function enrol(client: TandemClient): Promise<string[]> {
  const totp = URI.parse((await client.enrolSecondFactor()).otpauthUrl)
  if (!('period' in totp)) throw new TypeError('not a TOTP')
  return client.confirmSecondFactor(totp.generate())
}

async function hasSecondFactor(scene: CareScene): Promise<boolean> {
  const { enabled } = (await call(scene, 'GET', '/api/v1/2fa')) as { readonly enabled?: unknown }
  return enabled === true
}

async function call({ stack, user }: CareScene, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${stack.functionsUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${await stack.tokenOf(user)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const said: unknown = await answer.json()
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`)
  return said
}
