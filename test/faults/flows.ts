import type { TandemClient, Wallet } from '@tandem/client'
import type { FaultWorld } from './world.ts'

/** What a flow needs to know in whichever process it runs: JSON. */
export type Prepared = { readonly wallet?: Wallet }

/** Something that two sides do together, and that either may die in. */
export type Flow = {
  readonly name: 'keygen'
  /** before anybody can die */
  readonly prepare: (world: FaultWorld, user: string, device: TandemClient) => Promise<Prepared>
  readonly act: (device: TandemClient, prepared: Prepared) => Promise<unknown>
  /** what an app does after a crash: reconcile, and once more if it did not happen; the wallet that must work now */
  readonly settle: (device: TandemClient, prepared: Prepared) => Promise<Wallet>
}

const keygen: Flow = {
  name: 'keygen',
  prepare: async () => ({}),
  act: (device) => device.createWallet('Savings'),
  settle: async (device) => {
    await device.resume()
    const [wallet, ...others] = await device.wallets()
    if (others.length > 0) throw new Error('there is more than one wallet')
    return wallet ?? device.createWallet('Savings')
  },
}

export const FLOWS: readonly Flow[] = [keygen]

export function flowOf(name: string): Flow {
  const flow = FLOWS.find((one) => one.name === name)
  if (flow === undefined) throw new TypeError(`there is no flow ${name}: ${FLOWS.map((one) => one.name).join(', ')}`)
  return flow
}
