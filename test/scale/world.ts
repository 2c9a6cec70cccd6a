import { TandemError, type TandemClient } from '@tandem/client'
import { parseEther } from 'ethers'
import type { Payer } from '../../infra/local/src/story/payers.ts'
import type { WatchInstances } from '../../infra/local/src/stack/scaled.ts'
import type { WantedStorage } from '../../infra/local/src/stack/storage.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'
import { freshProject } from '../store/emulator.ts'

/** Two processes of each service behind balancers, and a place to listen at while calls pass. */
export type ScaleWorld = {
  readonly stack: TestStack
  /** names of the instances that anything was asked of, ever */
  readonly asked: ReadonlySet<string>
  /** hears of every call; one at a time */
  readonly watching: (watch: WatchInstances | undefined) => void
  readonly payers: (count: number, presignatures: number) => Promise<Payer[]>
  readonly close: () => Promise<void>
}

/** Limits of which a test spends all; the others would stand in the way of what pays without pause. */
const LIMITS = '{"sign":null,"key":null,"2fa":null,"tickets":null}'

/** On this emulator, or one that the stack starts. */
export function onFirestore(emulatorHost = process.env['FIRESTORE_EMULATOR_HOST']): WantedStorage {
  return { engine: 'firestore', projectId: freshProject(), ...(emulatorHost === undefined ? {} : { emulatorHost }) }
}

export async function startScaleWorld(storage: WantedStorage): Promise<ScaleWorld> {
  let watch: WatchInstances | undefined
  const asked = new Set<string>()
  const stack = await startTestStack(storage, {
    instances: 2,
    watch: (instance, passing) => {
      asked.add(instance.name)
      watch?.(instance, passing)
    },
    // one thread each: eight processes share this machine
    env: { functions: { LIMITS }, sigpair: { THREADS: '1' } },
  })
  const devices: TandemClient[] = []
  return {
    stack,
    asked,
    watching: (next) => {
      watch = next
    },
    payers: async (count, presignatures) => {
      const payers: Payer[] = []
      for (let i = 0; i < count; i++) {
        const device = stack.device(`payer-${i}`)
        devices.push(device)
        const wallet = await device.createWallet('Savings')
        await stack.chain.fund(wallet.address, parseEther('10'))
        await device.fillPresignatures(wallet, presignatures)
        payers.push({ device, wallet })
      }
      return payers
    },
    close: async () => {
      for (const device of devices) await device.close()
      await stack.stop()
    },
  }
}

/** Repeats what an app may repeat, as often as it takes. */
export async function untilItWorks<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof TandemError) || !error.retryable || tries === 20) throw error
    }
    await new Promise((again) => setTimeout(again, 500))
  }
}
