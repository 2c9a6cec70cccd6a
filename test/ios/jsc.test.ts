import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewBackups, RecoveryKit, SigpairBackup, Wallet } from '@tandem/client'
import { readDeviceShareContent } from '@tandem/client/backup'
import { type RecoveredKey, noble } from '@tandem/ecdsa'
import { toHex } from '@tandem/wire'
import { computeAddress, verifyMessage } from 'ethers'
import { type TOTP, URI } from 'otpauth'
import { buildDevice, DEVICE_FILE } from '../../infra/bundle/device.ts'
import type { Method } from '../../shared/client/src/jsc/methods.ts'
import { JSC, type JscDevice, type JscOptions, repeated, startJsc } from '../helpers/jsc.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'

/** Without JavaScriptCore there is nothing to try. */
const withJsc = JSC
  ? describe
  : (what: string, act: () => void) => describe.skip(`(apt install libjavascriptcoregtk-4.0-bin) ${what}`, act)
const SLOW_MS = 120_000

/** What a JSContext of an app does not have, or what an app cannot count on. */
const NOT_LENT = ['setTimeout', 'WebAssembly', 'crypto', 'fetch', 'WebSocket', 'TextEncoder', 'AbortController', 'URL']

let folder: string
let bundle: string
let stack: TestStack
const times: string[] = []

beforeAll(async () => {
  if (!JSC) return
  folder = mkdtempSync(join(tmpdir(), 'tandem-jsc-'))
  bundle = join(await buildDevice(folder), DEVICE_FILE)
  stack = await startTestStack()
}, SLOW_MS)

afterAll(async () => {
  if (!JSC) return
  console.log(`processor time of JavaScriptCore\n${times.join('\n')}`)
  await stack?.stop()
  rmSync(folder, { recursive: true, force: true })
}, SLOW_MS)

/** One user's device on one engine, and the clock of that engine. */
function deviceOf(user: string, how: string, jit: boolean) {
  const kept: NewBackups[] = []
  let options: JscOptions
  let device: JscDevice
  beforeAll(() => {
    options = {
      bundle,
      jit,
      settings: { baseUrl: stack.functionsUrl, pin: stack.pinned, stock: 0 },
      token: async () => stack.tokenOf(user),
      vault: new Map(),
      seal: (content) => content,
      save: (backups) => kept.push(backups as NewBackups),
    }
    device = startJsc(options)
  })
  afterAll(async () => device?.kill())
  const call: JscDevice['call'] = async (method, given) => device.call(method, given)
  return {
    kept,
    call,
    has: async (name: string) => device.has(name),
    restart: async () => {
      await device.kill()
      device = startJsc(options)
    },
    timed: async <T>(what: string, method: Method, given: () => Readonly<Record<string, unknown>>): Promise<T> =>
      repeated(async () => {
        const before = device.cpuMs()
        const result = await call<T>(method, given())
        times.push(`${(device.cpuMs() - before).toFixed(0).padStart(6)} ms  ${what}, ${how}`)
        return result
      }),
  }
}

/** A second factor, and its recovery codes. */
async function enrol(call: JscDevice['call']): Promise<string[]> {
  const { otpauthUrl } = await call<{ otpauthUrl: string }>('enrolSecondFactor')
  return call('confirmSecondFactor', { code: (URI.parse(otpauthUrl) as TOTP).generate() })
}

withJsc('bare JavaScriptCore, without JIT as in an iOS app,', () => {
  const { kept, call, has, restart, timed } = deviceOf('alice', 'no JIT', false)
  let wallet: Wallet
  let codes: string[]
  const expectSigns = async (message: string, signature: string) =>
    expect(verifyMessage(message, signature)).toBe(wallet.address)

  test(
    'generates a key with Sigpair, with nothing but the language and its host',
    async () => {
      for (const name of NOT_LENT) expect([name, await has(name)]).toEqual([name, false])
      wallet = await timed<Wallet>('keygen', 'createWallet', () => ({ name: 'Pocket' }))
      expect(wallet.address).toMatch(/^0x[0-9a-fA-F]{40}$/)
    },
    SLOW_MS,
  )

  test(
    'presigns, signs from stock, and after the system has ended the app signs from its vault',
    async () => {
      expect(await timed('2 presignatures', 'fillPresignatures', () => ({ wallet, target: 2 }))).toBe(2)
      const message = 'from stock'
      await expectSigns(message, await timed('a signature from stock', 'signMessage', () => ({ wallet, message })))
      expect(await call('presignaturesInStock', { wallet })).toBe(1)

      await restart()
      expect(await call('wallets')).toEqual([wallet])
      expect(await call('presignaturesInStock', { wallet })).toBe(0)
      const again = 'after a restart'
      await expectSigns(
        again,
        await timed('a signature in a dialogue', 'signMessage', () => ({ wallet, message: again })),
      )
    },
    SLOW_MS,
  )

  test(
    'refreshes its shares, and gives the host the new backups to keep',
    async () => {
      codes = await enrol(call)
      const asked = () => ({ wallet, options: { backups: 'kept', twoFactorCode: codes.pop() } })
      expect(await timed('refresh', 'rotateKey', asked)).toMatchObject({ epoch: 1 })
      const share = readDeviceShareContent(noble, kept.at(-1)!.device)
      expect([share.epoch, toHex(share.publicKey)]).toEqual([1, wallet.publicKey])
      await expectSigns('with new shares', await call('signMessage', { wallet, message: 'with new shares' }))
    },
    SLOW_MS,
  )

  test(
    'opens an export, whose bytes cross the bridge as bytes',
    async () => {
      const asked = await call<{ exportId: string }>('requestExport', { wallet, twoFactorCode: codes.pop() })
      const key = await call<RecoveredKey>('confirmExport', { wallet, exportId: asked.exportId })
      expect(computeAddress(toHex(key.secret))).toBe(wallet.address)
    },
    SLOW_MS,
  )

  test('says what went wrong by its code', async () => {
    const stranger = { ...wallet, keyId: `0x${'0b'.repeat(32)}` }
    const wrong = call('signMessage', { wallet: stranger, message: 'not mine' })
    await expect(wrong).rejects.toMatchObject({ error: { code: 'VAULT', retryable: false } })
    await expect(call('fly' as 'resume')).rejects.toMatchObject({ error: { code: 'UNEXPECTED' } })
    const text = call('signTypedData', { wallet, json: 'no' })
    await expect(text).rejects.toMatchObject({ error: { code: 'VALIDATION_FAILED' } })
  })
})

withJsc('bare JavaScriptCore, with JIT,', () => {
  const { call, timed } = deviceOf('bob', 'JIT', true)

  test(
    'generates a key with Sigpair, signs and backs up: what is compiled computes the same',
    async () => {
      const wallet = await timed<Wallet>('keygen', 'createWallet', () => ({ name: 'Desk' }))
      expect(await timed('2 presignatures', 'fillPresignatures', () => ({ wallet, target: 2 }))).toBe(2)
      for (const message of ['one', 'two']) {
        const signature = await timed<string>('a signature from stock', 'signMessage', () => ({ wallet, message }))
        expect(verifyMessage(message, signature)).toBe(wallet.address)
      }
      const { encryptionKey, dk } = await call<RecoveryKit>('createRecoveryKit')
      expect(dk).toHaveLength(32)
      const options = { encryptionKey, twoFactorCode: (await enrol(call)).pop() }
      const backup = await timed<SigpairBackup>('a backup, verified', 'backUp', () => ({ wallet, options }))
      expect([backup.epoch, backup.encryptionKey]).toEqual([0, encryptionKey])
    },
    SLOW_MS,
  )
})
