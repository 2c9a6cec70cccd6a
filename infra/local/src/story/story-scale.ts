import { parseEther } from 'ethers'
import { native } from '@tandem/ec-native'
import { createTandemClient, memoryVault } from '@tandem/client'
import { chainAt } from '../chain.ts'
import type { Payer } from './payers.ts'
import { faultsOf, restartUnderLoad, type Restart, type Rolled } from '../stack/rolling.ts'
import type { Stack } from '../stack/stack.ts'
import { millis, table, type Teller } from './tell.ts'

const PAYERS = 4
const PRESIGNATURES = 16

/**
 * What a release is to those who pay meanwhile: every process ends by SIGTERM and comes back, one after the other.
 *
 * @throws {Error} if a payment was lost, made twice, or failed for good
 */
export async function tellScale(stack: Stack, tell: Teller): Promise<void> {
  const chain = chainAt(stack.rpcUrl)
  tell.chapter('Every process is restarted while four devices pay')
  const payers: Payer[] = []
  try {
    for (let i = 1; i <= PAYERS; i++) payers.push(await tell.step(`device ${i}`, () => enter(stack, `payer-${i}`)))
    for (const { wallet } of payers) await chain.fund(wallet.address, parseEther('1'))
    const { instances, chainId } = stack
    const lines: Restart[] = []
    const restart = async (progress: (detail: string) => void) =>
      restartUnderLoad({
        instances,
        payers,
        chainId,
        restarted: (one) => {
          lines.push(one)
          progress(`${lines.length} of ${instances.length}`)
        },
      })
    const rolled = await tell.step('one process after the other', restart)
    const faults = await tell.step('look for every payment on the chain', () =>
      faultsOf(rolled.payments, payers, chain),
    )
    if (faults.length > 0) throw new Error(`Not every payment arrived once:\n${faults.join('\n')}`)
    tell.say(`\n${table([['process', 'ended in', 'back in'], ...lines.map(rowOf)])}\n\n  ${summary(rolled)}`)
  } finally {
    for (const { device } of payers) await device.close()
  }
}

async function enter(stack: Stack, user: string): Promise<Payer> {
  const backend = native()
  const device = createTandemClient({
    baseUrl: stack.functionsUrl,
    token: async () => stack.tokenOf(user),
    vault: memoryVault(),
    pin: await stack.pin(),
    ...(backend === undefined ? {} : { backend }),
    stock: 0,
  })
  const wallet = await device.createWallet(user)
  await device.fillPresignatures(wallet, PRESIGNATURES)
  return { device, wallet }
}

const rowOf = ({ name, drainMs, readyMs }: Restart) => [name, millis(drainMs), millis(readyMs)]

function summary({ payments }: Rolled): string {
  const again = payments.reduce((sum, { failures }) => sum + failures.length, 0)
  const slowest = payments.reduce((most, { ms }) => Math.max(most, ms), 0)
  const asked = again === 0 ? 'none had to be asked for again' : `${again} had to be asked for again`
  return `${payments.length} payments, each made once; the slowest took ${millis(slowest)}; ${asked}`
}
