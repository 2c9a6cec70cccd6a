import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Wallet } from '@tandem/client'
import { type TOTP, URI } from 'otpauth'
import { buildDevice, DEVICE_FILE } from '../../infra/bundle/device.ts'
import { JSC, type JscDevice, repeated, startJsc } from '../helpers/jsc.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'
import { median, progress, type Row } from './measure.ts'

const PRESIGNATURES = 8
const REPEATS = 3

/**
 * The device's side alone in JavaScriptCore, as an iOS app runs it and as Safari would: processor time of its process, against
 * services that are processes of their own. No rows where there is no `jsc`.
 */
export async function jscRows(): Promise<Row[]> {
  if (!JSC) {
    progress('no jsc on this machine: no rows of iOS')
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-jsc-'))
  const stack = await startTestStack()
  try {
    const bundle = join(await buildDevice(folder), DEVICE_FILE)
    return [...(await rowsOf(stack, bundle, 'ios', false)), ...(await rowsOf(stack, bundle, 'ios_with_jit', true))]
  } finally {
    await stack.stop()
    rmSync(folder, { recursive: true })
  }
}

async function rowsOf(stack: TestStack, bundle: string, user: string, jit: boolean): Promise<Row[]> {
  progress(`JavaScriptCore ${jit ? 'with' : 'without'} JIT`)
  const device = startJsc({
    bundle,
    jit,
    settings: { baseUrl: stack.functionsUrl, pin: stack.pinned, stock: 0 },
    token: async () => stack.tokenOf(user),
    vault: new Map(),
  })
  try {
    return (await timesOf(device)).map(([name, value]) => ({ name: `${user}_${name}_ms`, value, unit: 'ms' }))
  } finally {
    await device.kill()
  }
}

async function timesOf(device: JscDevice): Promise<[name: string, ms: number][]> {
  const timed = async (act: () => Promise<unknown>): Promise<number> =>
    repeated(async () => {
      const before = device.cpuMs()
      await act()
      return device.cpuMs() - before
    })
  const each = async (act: () => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < REPEATS; i++) times.push(await timed(act))
    return median(times)
  }
  const { otpauthUrl } = await device.call<{ otpauthUrl: string }>('enrolSecondFactor')
  const codes = await device.call<string[]>('confirmSecondFactor', {
    code: (URI.parse(otpauthUrl) as TOTP).generate(),
  })
  let wallet: Wallet | undefined
  const keygen = await each(async () => (wallet = await device.call<Wallet>('createWallet', { name: 'Bench' })))
  const interactive = await each(async () => device.call('signMessage', { wallet, message: 'in a dialogue' }))
  const presign = await timed(async () => device.call('fillPresignatures', { wallet, target: PRESIGNATURES }))
  const online = await each(async () => device.call('signMessage', { wallet, message: 'from stock' }))
  const options = () => ({ backups: 'waived', twoFactorCode: codes.pop() })
  const refresh = await timed(async () => device.call('rotateKey', { wallet, options: options() }))
  return [
    ['keygen', keygen],
    ['presign', presign / PRESIGNATURES],
    ['sign_interactive', interactive],
    ['sign_from_stock', online],
    ['refresh', refresh],
  ]
}
