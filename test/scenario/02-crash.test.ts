import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { type HttpAnswer, memoryVault, type Platform, type TandemClient, type Wallet } from '@tandem/client'
import { fileVault } from '@tandem/client/node'
import { keyAt, type PairRecord, pairAt, type SessionRecord } from '@tandem/sigpair'
import { Wallet as EthersWallet, parseEther } from 'ethers'
import { ask, platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'
import type { DyingDevice } from './children/dying-device.ts'

const vault = memoryVault()
let stack: TestStack
let alice: TandemClient
let wallet: Wallet

beforeAll(async () => {
  stack = await startTestStack()
  alice = stack.device('alice', { vault })
  wallet = await alice.createWallet('Savings')
  await stack.chain.fund(wallet.address, parseEther('10'))
})
afterAll(async () => {
  await alice.close()
  await stack.stop()
})

/** A payment to somebody who has nothing yet: his balance says how often it was paid. */
const payment = () => ({ to: EthersWallet.createRandom().address, value: 1_000n, chainId: stack.chainId })

/** What a device heard, in order. */
type Heard = { readonly body: string | undefined; readonly answer: string }

/** A network that loses answers on their way back, as long as `loses` says so. */
function losing(path: string, heard: Heard[], loses: (times: number) => boolean): Platform {
  return platformWith(async (url, request, pass) => {
    const answer = await pass(url, request)
    if (!url.endsWith(path)) return answer
    const text = await answer.text()
    heard.push({ body: request.body, answer: text })
    if (loses(heard.length)) throw new Error('the network is gone')
    return { status: answer.status, text: async () => text } satisfies HttpAnswer
  })
}

describe('a device that dies while it creates a wallet', () => {
  const vaultKey = new Uint8Array(32).fill(7)
  let vaultFolder: string
  let folders = 0
  beforeEach(() => {
    vaultFolder = join(stack.directory, `vault-${folders++}`)
  })

  async function dieAt(diesAt: string): Promise<TandemClient> {
    const told: DyingDevice = {
      baseUrl: stack.functionsUrl,
      token: await stack.tokenOf('alice'),
      pin: stack.pinned,
      vaultFolder,
      vaultKey: [...vaultKey],
      diesAt,
    }
    const script = join(import.meta.dirname, 'children/dying-device.ts')
    const child = spawn(process.execPath, [script, JSON.stringify(told)], { stdio: ['ignore', 'ignore', 'inherit'] })
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    return stack.device('alice', { vault: await fileVault(vaultFolder, vaultKey) })
  }

  test('after its half is durable, and before the commit: the next start finishes it', async () => {
    const again = await dieAt('commit')
    expect(await again.wallets()).toEqual([])
    const [resumed] = await again.resume()
    expect(await again.wallets()).toEqual([resumed])
    expect(await again.resume()).toEqual([])

    await stack.chain.fund(resumed!.address, parseEther('1'))
    const sent = await again.sendTransaction(resumed!, payment())
    expect(await sent.wait()).toMatchObject({ status: 'mined' })
  })

  test.each(['keygen 4', 'rehearsal 2'])(
    'before Sigpair knows that its half is durable (%s): that key is no wallet, and the next is',
    async (diesAt) => {
      const again = await dieAt(diesAt)
      expect(await again.resume()).toEqual([])
      const next = await again.createWallet('Savings')
      expect(await again.wallets()).toEqual([next])
    },
  )
})

test('a commit whose answers are lost is repeated: same profile, same receipt, one wallet', async () => {
  const heard: Heard[] = []
  const own = memoryVault()
  const deaf = stack.device('bob', { vault: own, platform: losing('/api/v2/profiles', heard, () => true) })
  await expect(deaf.createWallet('Savings')).rejects.toMatchObject({ code: 'NETWORK' })

  const [resumed] = await stack.device('bob', { vault: own }).resume()
  const { answer, body } = heard[0]!
  expect(new Set(heard.map((each) => each.answer))).toEqual(new Set([answer]))
  expect(JSON.parse(answer)).toMatchObject({ profileId: resumed!.profileId, receipt: { keyId: resumed!.keyId } })
  const repeated = await ask(stack, 'bob', 'POST', '/api/v2/profiles', JSON.parse(body!) as object)
  expect(repeated).toEqual({ status: 201, body: JSON.parse(answer) })
  expect((await ask(stack, 'bob', 'GET', '/api/v1/profiles')).body['profiles']).toHaveLength(1)
})

describe('a payment is made once', () => {
  async function expectPaidOnce(device: TandemClient, request: ReturnType<typeof payment>): Promise<string> {
    const sent = await device.sendTransaction(wallet, request)
    expect(await sent.wait()).toMatchObject({ status: 'mined', txHash: sent.txHash })
    expect(await stack.chain.balance(request.to)).toBe(request.value)
    return sent.txHash
  }

  test('when the answer to POST /mpc/sign is lost: repeating it answers the same transaction', async () => {
    const heard: Heard[] = []
    const device = stack.device('alice', { vault, platform: losing('/mpc/sign', heard, (times) => times === 1) })
    await device.fillPresignatures(wallet, 2)
    const txHash = await expectPaidOnce(device, payment())
    expect(heard).toHaveLength(2)
    expect(heard[1]!.body).toEqual(heard[0]!.body)
    // The end of the log is of now, and comes with the answer that signed.
    const answers = heard.map(({ answer }) => JSON.parse(answer) as { txHash: string; status: string })
    const submitted = { txHash, status: 'submitted' }
    expect(answers.map(({ txHash: hash, status }) => ({ txHash: hash, status }))).toEqual([submitted, submitted])
    expect(device.presignaturesInStock(wallet)).toBe(1)
  })

  test('when the device hangs up before it hears the answer', async () => {
    let hungUp = false
    const platform = platformWith(async (url, request, pass) => {
      if (!url.endsWith('/mpc/sign') || hungUp) return pass(url, request)
      hungUp = true
      return pass(url, { ...request, signal: AbortSignal.timeout(10) })
    })
    const device = stack.device('alice', { vault, platform })
    await device.fillPresignatures(wallet, 1)
    await expectPaidOnce(device, payment())
  })

  test.each(['lose request', 'lose answer'] as const)(
    'when functions is killed between storing the transaction and answering (%s)',
    async (fate) => {
      const functions = stack.service('functions')
      let died: Promise<void> | undefined
      stack.line.fateOf = (method) => {
        if (method !== 'eth_sendRawTransaction' || died !== undefined) return 'pass'
        died = functions.kill()
        return fate
      }
      const platform = platformWith(async (url, request, pass) =>
        pass(url, request).catch(async (cause: unknown) => {
          await died
          await functions.start()
          throw cause
        }),
      )
      const device = stack.device('alice', { vault, platform })
      await device.fillPresignatures(wallet, 1)
      await expectPaidOnce(device, payment())
      expect(died).toBeDefined()
    },
  )
})

describe('Sigpair killed', () => {
  async function pairOf({ keyId }: Wallet): Promise<PairRecord> {
    const key = await stack.stores.parties.get(keyAt(keyId))
    const pair = await stack.stores.presignatures.get(pairAt({ keyId, ssid: key!.data.current!.ssid }))
    return pair!.data
  }

  /** Looks again and again, holds the process when its databases are in the state, and kills it if they still are. */
  async function killWhen(isSo: () => Promise<boolean>, giveUp: () => boolean = () => false): Promise<boolean> {
    const sigpair = stack.service('sigpair')
    while (!giveUp()) {
      if (await isSo()) {
        process.kill(sigpair.pid(), 'SIGSTOP')
        await delay(5)
        if (await isSo()) {
          await sigpair.kill()
          return true
        }
        process.kill(sigpair.pid(), 'SIGCONT')
      }
      await setImmediate()
    }
    return false
  }

  test('in the middle of an OT check keeps the slot used, each presignature on both sides or on none, and signs on', async () => {
    const filling = alice.fillPresignatures(wallet, 32).then(
      () => 'filled',
      (error: { code: string }) => error.code,
    )
    await killWhen(async () => {
      const { opened, passed } = await pairOf(wallet)
      return opened > passed
    })
    expect(await filling).toBe('NETWORK')
    const before = await pairOf(wallet)
    expect(before.opened - before.passed).toBe(1)

    await stack.service('sigpair').start()
    expect(await stack.pin()).toEqual(stack.pinned)
    expect(await pairOf(wallet)).toEqual(before)

    expect(await alice.fillPresignatures(wallet, 2)).toBe(2)
    const { opened, passed, status, stock } = await pairOf(wallet)
    expect({ open: opened - passed, status, usable: stock.length }).toEqual({ open: 1, status: 'ACTIVE', usable: 2 })

    for (const left of [1, 0]) {
      const sent = await alice.sendTransaction(wallet, payment())
      expect(await sent.wait()).toMatchObject({ status: 'mined' })
      expect((await pairOf(wallet)).stock).toHaveLength(left)
    }
    expect(await (await alice.sendTransaction(wallet, payment())).wait()).toMatchObject({ status: 'mined' })
  })

  test('between spending a presignature and storing the signature: another one signs, and the payment is made once', async () => {
    const sigpair = stack.service('sigpair')
    let back: Promise<void> | undefined
    // The device's network is slow enough for Sigpair to come back.
    const platform = platformWith(async (url, request, pass) => {
      const answer = await pass(url, request)
      await back
      return answer
    })
    const device = stack.device('alice', { vault, platform })
    for (let caught = false; !caught; ) {
      await device.fillPresignatures(wallet, 2)
      const request = payment()
      const { stock, uses } = await pairOf(wallet)
      const sending = device.sendTransaction(wallet, request)
      let over = false
      const ended = sending.then(() => (over = true))
      const isSpent = async () => {
        const now = await pairOf(wallet)
        return now.stock.length < stock.length && now.uses > uses && !(await isSigned(now.uses))
      }
      caught = await killWhen(isSpent, () => over)
      if (caught) back = sigpair.start()
      const sent = await sending
      await ended
      expect(await sent.wait()).toMatchObject({ status: 'mined' })
      expect(await stack.chain.balance(request.to)).toBe(request.value)
      expect((await pairOf(wallet)).stock).toHaveLength(caught ? 0 : 1)
    }
  })

  /** Whether the session that raised the key's use counter to `use` has its signature. */
  async function isSigned(use: number): Promise<boolean> {
    const { docs } = await stack.stores.parties.list<SessionRecord>('sessions', { limit: 1_000 })
    return docs.find(({ data }) => data.keyId === wallet.keyId && data.use === use)?.data.signature !== null
  }

  test('in the middle of a key generation leaves no wallet, and the next is generated', async () => {
    const sigpair = stack.service('sigpair')
    let died: Promise<void> | undefined
    const device = stack.device('alice', {
      onProgress: ({ step, round }) => {
        if (step === 'keygen' && round === 3) died ??= sigpair.kill()
      },
    })
    await expect(device.createWallet('Lost')).rejects.toMatchObject({ code: 'NETWORK' })
    await died
    await sigpair.start()
    expect(await device.resume()).toEqual([])
    const found = await device.createWallet('Found')
    expect(await device.wallets()).toEqual([found])
  })
})

test('without duo-node a caller is told so in the documented words, and is served again when it is back', async () => {
  const duoNode = stack.service('duo-node')
  await duoNode.kill()
  const calls = [
    ['POST', '/api/v1/mpc/tickets', { operation: 'presign', keyId: wallet.keyId }],
    ['POST', `/api/v1/profiles/${wallet.profileId}/transactions`, { ...payment(), value: '1' }],
    ['GET', '/api/v1/mpc/cloud-public-key', undefined],
  ] as const
  for (const [method, path, body] of calls) {
    expect(await ask(stack, 'alice', method, path, body)).toEqual({
      status: 503,
      body: {
        error: 'DUO_NODE_UNAVAILABLE',
        message: 'Cannot connect to MPC infrastructure',
        statusCode: 503,
        requestId: expect.any(String),
      },
    })
  }

  await duoNode.start()
  expect(await (await alice.sendTransaction(wallet, payment())).wait()).toMatchObject({ status: 'mined' })
})
