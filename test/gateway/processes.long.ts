import { setTimeout as delay } from 'node:timers/promises'
import { Wallet as EthersWallet, parseEther } from 'ethers'
import { expectSigns, type Owner, ownerOn } from '../helpers/owner.ts'
import { seeded } from '../helpers/rng.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'

// Members and a gateway as processes that hang and die while a device pays. What is asked of every disturbance: nobody is paid
// twice, what was said to be paid is, and when all are back everything goes on.

const VALUE = 1_000n
const rng = seeded('processes')

let stack: TestStack
let owner: Owner

beforeAll(async () => {
  stack = await startTestStack({ engine: 'sqlite' }, { p2: 'committee' })
  owner = await ownerOn(stack, 'alice')
  await stack.chain.fund(owner.wallet.address, parseEther('100'))
}, 300_000)
afterAll(async () => {
  await owner.device.close()
  await stack.stop()
})

type How = 'presignature' | 'interactive'

/** To somebody who has nothing yet: his balance says how often he was paid. */
async function payOnce(how: How, meanwhile: () => Promise<void> = async () => undefined): Promise<boolean> {
  const { device, wallet } = owner
  const { address: to } = EthersWallet.createRandom()
  const paying = device.sendTransaction(wallet, { to, value: VALUE, chainId: stack.chainId, how }).then(
    async (sent) => (await sent.wait()).status === 'mined',
    () => false,
  )
  await meanwhile()
  const paid = await paying
  if (!paid) {
    for (const { txHash } of await device.settlePayments()) if (txHash) await mined(txHash)
  }
  const balance = await stack.chain.balance(to)
  expect([0n, VALUE]).toContain(balance)
  if (paid) expect(balance).toBe(VALUE)
  return paid
}

async function mined(txHash: string): Promise<void> {
  while (!(await stack.chain.mined(txHash).catch(() => undefined))) await delay(100)
}

const all = async () => {
  await owner.device.fillPresignatures(owner.wallet, 4)
  expect(await payOnce('presignature')).toBe(true)
  expect(await payOnce('interactive')).toBe(true)
}

test('a device pays while any one member hangs, and with it when it goes on', async () => {
  for (const member of stack.members) {
    process.kill(member.pid(), 'SIGSTOP')
    try {
      expect(await payOnce('interactive')).toBe(true)
      await owner.device.fillPresignatures(owner.wallet, 2)
      expect(await payOnce('presignature')).toBe(true)
    } finally {
      process.kill(member.pid(), 'SIGCONT')
    }
    await expectSigns(owner.device, owner.wallet)
  }
  await all()
})

test.each(['presignature', 'interactive'] as const)(
  'a member that dies while a device pays (%s) costs no money',
  async (how) => {
    for (let round = 0; round < 6; round++) {
      const member = stack.members[round % 3]!
      await owner.device.fillPresignatures(owner.wallet, 4)
      await payOnce(how, async () => {
        await delay(rng(1)[0]! * 4)
        await member.kill()
      })
      await payOnce(how)
      await member.start()
    }
    await all()
  },
)

test.each(['presignature', 'interactive'] as const)(
  'a gateway that dies while a device pays (%s) costs no money',
  async (how) => {
    const gateway = stack.service('sigpair')
    for (let round = 0; round < 6; round++) {
      await owner.device.fillPresignatures(owner.wallet, 4)
      await payOnce(how, async () => {
        await delay(rng(1)[0]! * 4)
        await gateway.kill()
        await gateway.start()
      })
    }
    await all()
  },
)
