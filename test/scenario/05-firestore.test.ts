import { memoryVault, type TandemClient, type Wallet } from '@tandem/client'
import { type PairRecord, keyAt, pairAt } from '@tandem/sigpair'
import { DATABASES, type DatabaseName, openStore } from '@tandem/store'
import type { PrepareTransactionResponse, TicketResponse } from '@tandem/wire'
import { parseEther, Wallet as EthersWallet } from 'ethers'
import { keyStates } from '../../functions/src/ports/key-states.ts'
import type { WantedStorage } from '../../infra/local/src/stack/storage.ts'
import { type BareDevice, bareDevice, dialPresign, presignAll, shareFor } from '../helpers/bare-device.ts'
import { ask, platformWith, type Rail, startSecondRail, startTestStack, type TestStack } from '../helpers/stack.ts'
import { describeFirestore, freshProject, knownEmulator } from '../store/emulator.ts'

/** The emulator has its own idea of speed, worst where several write one document: few contenders, and long waits. */
const START_MS = 120_000
const STORY_MS = 60_000

/** The stack starts the emulator itself, unless one runs. */
async function firestore(): Promise<WantedStorage> {
  const emulatorHost = await knownEmulator()
  return { engine: 'firestore', projectId: freshProject(), ...(emulatorHost === undefined ? {} : { emulatorHost }) }
}

describeFirestore('the same stories on Firestore', () => {
  const vault = memoryVault()
  let stack: TestStack
  let second: Rail
  let alice: TandemClient
  let wallet: Wallet

  beforeAll(async () => {
    stack = await startTestStack(await firestore())
    second = await startSecondRail(stack)
    // A key is generated on one, and committed through the other
    alice = deviceWith((path) => (path.endsWith('/tickets') ? stack : second))
    wallet = await alice.createWallet('Savings')
    await stack.chain.fund(wallet.address, parseEther('10'))
  }, START_MS)
  afterAll(async () => {
    await alice.close()
    await stack.stop()
  }, START_MS)

  function deviceWith(railOf: (path: string) => Pick<Rail, 'functionsUrl'>): TandemClient {
    const platform = platformWith(async (url, request, pass) => {
      const path = url.slice(stack.functionsUrl.length)
      return pass(`${railOf(path).functionsUrl}${path}`, request)
    })
    return stack.device('alice', { vault, platform })
  }

  const payment = () => ({ to: EthersWallet.createRandom().address, value: 1_000n, chainId: stack.chainId })

  const on = ({ functionsUrl }: Pick<Rail, 'functionsUrl'>) => ({ ...stack, functionsUrl })

  async function expectPaidOnce(device: TandemClient, request: ReturnType<typeof payment>): Promise<void> {
    const sent = await device.sendTransaction(wallet, request)
    expect(await sent.wait()).toMatchObject({ status: 'mined' })
    expect(await stack.chain.balance(request.to)).toBe(request.value)
  }

  async function presignature(device: BareDevice): Promise<Uint8Array> {
    const request = { operation: 'presign', keyId: wallet.keyId }
    const { body } = await ask(stack, 'alice', 'POST', '/api/v1/mpc/tickets', request)
    const [made] = await presignAll(device, await dialPresign(device, body as unknown as TicketResponse, 1))
    return made!
  }

  async function prepare(rail: Pick<Rail, 'functionsUrl'>): Promise<PrepareTransactionResponse> {
    const path = `/api/v1/profiles/${wallet.profileId}/transactions`
    const { body } = await ask(on(rail), 'alice', 'POST', path, { ...payment(), value: '1' })
    return body as unknown as PrepareTransactionResponse
  }

  const sign = async (rail: Pick<Rail, 'functionsUrl'>, sessionId: string, p1SignatureShare: string) =>
    ask(on(rail), 'alice', 'POST', '/api/v1/mpc/sign', { sessionId, p1SignatureShare })

  async function pairOf({ keyId }: Wallet): Promise<PairRecord> {
    const key = await stack.stores.parties.get(keyAt(keyId))
    const pair = await stack.stores.presignatures.get(pairAt({ keyId, ssid: key!.data.current!.ssid }))
    return pair!.data
  }

  test('a wallet is generated on one instance, committed through another, and READY on both', async () => {
    for (const rail of [stack, second]) {
      const { body } = await ask(on(rail), 'alice', 'GET', `/api/v1/profiles/${wallet.profileId}`)
      expect(body).toMatchObject({ keyStatus: 'READY', epoch: 0, sessionWalletAddress: wallet.address })
    }
  })

  test(
    'payments with presignatures and without, every request on the other instance than the one before, are mined',
    async () => {
      let requests = 0
      const torn = deviceWith(() => (requests++ % 2 === 0 ? stack : second))
      await torn.fillPresignatures(wallet, 2)
      await expectPaidOnce(torn, payment())
      const sent = await Promise.all([payment(), payment()].map(async (one) => torn.sendTransaction(wallet, one)))
      for (const { wait } of sent) expect(await wait()).toMatchObject({ status: 'mined' })
    },
    STORY_MS,
  )

  test(
    'one presignature for two payments, through both instances at once, makes exactly one signature',
    async () => {
      const device = await bareDevice(vault, wallet.keyId)
      const spend = await presignature(device)
      const sessions = [await prepare(stack), await prepare(second)] as const
      const answers = await Promise.all([
        sign(stack, sessions[0].sessionId, shareFor(device, spend, sessions[0])),
        sign(second, sessions[1].sessionId, shareFor(device, spend, sessions[1])),
      ])
      const lost = answers.findIndex(({ status }) => status !== 200)
      expect(answers[1 - lost]!.status).toBe(200)
      expect(answers[lost]).toMatchObject({ status: 409, body: { error: 'PRESIGNATURE_CONSUMED' } })

      // The session is not spent with it, and the payment keeps its nonce.
      const { sessionId } = sessions[lost]!
      const share = shareFor(device, await presignature(device), sessions[lost]!)
      expect(await sign(second, sessionId, share)).toMatchObject({ status: 200 })
    },
    STORY_MS,
  )

  test(
    'functions killed between storing a transaction and answering: the payment is made once',
    async () => {
      const functions = stack.service('functions')
      let died: Promise<void> | undefined
      stack.line.fateOf = (method) => {
        if (method !== 'eth_sendRawTransaction' || died !== undefined) return 'pass'
        died = functions.kill()
        return 'lose answer'
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
    STORY_MS,
  )

  test(
    'Sigpair killed in the middle of a batch: what both hold is what is left, and it signs on as the same party',
    async () => {
      const sigpair = stack.service('sigpair')
      let died: Promise<void> | undefined
      const own = memoryVault()
      const device = stack.device('alice', {
        vault: own,
        onProgress: ({ step }) => {
          if (step === 'presign') died ??= sigpair.kill()
        },
      })
      const other = await device.createWallet('Second')
      await expect(device.fillPresignatures(other, 4)).rejects.toMatchObject({ code: 'NETWORK' })
      await died
      await sigpair.start()
      expect(await stack.pin()).toEqual(stack.pinned)

      expect(await device.fillPresignatures(other, 2)).toBe(2)
      const { opened, passed, status, stock } = await pairOf(other)
      expect({ status, stock: stock.length }).toEqual({ status: 'ACTIVE', stock: 2 })
      expect(opened - passed).toBeLessThanOrEqual(1)
      expect(await device.signMessage(other, 'still here')).toMatch(/^0x/)
      await device.close()
    },
    STORY_MS,
  )

  test(
    'the backend hears by webhook that the key is READY',
    async () => {
      const store = await openStore(stack.databases.backend)
      const states = keyStates(store, Date.now)
      const heard = async () => states.find(`${stack.issuerUrl}|alice`, wallet.keyId)
      while ((await heard())?.status !== 'READY') await new Promise((again) => setTimeout(again, 100))
      await store.close()
    },
    STORY_MS,
  )

  test(
    'a commit whose answers are lost is found again: one wallet, the same profile',
    async () => {
      const own = memoryVault()
      const platform = platformWith(async (url, request, pass) => {
        const answer = await pass(url, request)
        if (url.endsWith('/api/v2/profiles')) throw new Error('the network is gone')
        return answer
      })
      const deaf = stack.device('bob', { vault: own, platform })
      await expect(deaf.createWallet('Savings')).rejects.toMatchObject({ code: 'NETWORK' })
      const again = stack.device('bob', { vault: own })
      const [resumed] = await again.resume()
      expect(await again.wallets()).toEqual([resumed])
      await again.close()
    },
    STORY_MS,
  )

  test(
    'every document is in the database that storage.md names, and a share in none that may be read without Sigpair',
    async () => {
      const found = async (name: DatabaseName, collection: string) => {
        const store = await openStore(stack.databases[name])
        const { docs } = await store.list(collection, { limit: 1 })
        await store.close()
        return docs.length
      }
      expect(await found('parties', 'keys')).toBe(1)
      expect(await found('presignatures', 'pairs')).toBe(1)
      expect(await found('backend', 'profiles')).toBe(1)
      for (const name of Object.keys(DATABASES) as DatabaseName[]) {
        if (name !== 'parties') expect(await found(name, 'keys')).toBe(0)
        if (name !== 'presignatures') expect(await found(name, 'presignatures')).toBe(0)
        if (name !== 'backend') expect(await found(name, 'profiles')).toBe(0)
      }
    },
    STORY_MS,
  )
})
