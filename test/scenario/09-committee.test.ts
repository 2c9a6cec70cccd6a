import { createRecoveryKit, type NewBackups } from '@tandem/client'
import {
  createAgeIdentity,
  openAgeFile,
  openCommitteeBackups,
  readDeviceShareContent,
  sealWithAge,
} from '@tandem/client/backup'
import { combineShares } from '@tandem/ecdsa'
import { computeAddress, parseEther } from 'ethers'
import { fast } from '../helpers/backends.ts'
import { expectSigns, type Owner, ownerOn } from '../helpers/owner.ts'
import { startTestStack, type TestStack } from '../helpers/stack.ts'

// A device beside two of three members, behind a gateway: real services, and nothing in them that knows. Each test goes on where
// the one before has ended.

const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
/** No passphrase: each use of one costs a second, and test/client/backup.test.ts has them. */
const AGE = await createAgeIdentity()
const kit = createRecoveryKit()

let stack: TestStack
let owner: Owner

beforeAll(async () => {
  stack = await startTestStack({ engine: 'sqlite' }, { p2: 'committee', membersHere: true })
  owner = await ownerOn(stack, 'alice')
  await stack.chain.fund(owner.wallet.address, parseEther('10'))
}, 120_000)
afterAll(async () => {
  await owner.device.close()
  await stack.stop()
})

/** While a member is away, by its index. */
async function without<T>(index: number, act: () => Promise<T>): Promise<T> {
  const member = stack.members[index - 1]!
  await member.stop()
  try {
    return await act()
  } finally {
    await member.start()
  }
}

async function pay(how: 'presignature' | 'interactive'): Promise<void> {
  const { device, wallet } = owner
  const sent = await device.sendTransaction(wallet, { to: SHOP, value: 1n, chainId: stack.chainId, how })
  expect(await sent.wait()).toMatchObject({ status: 'mined' })
  expect((await stack.chain.mined(sent.txHash)).from).toBe(wallet.address)
}

test('the device pins every member, and pays with a presignature and without', async () => {
  expect(stack.pinned.committee).toMatchObject({ threshold: 2 })
  expect(stack.pinned.committee?.nodes).toHaveLength(3)
  await owner.device.fillPresignatures(owner.wallet, 4)
  await pay('presignature')
  await pay('interactive')
})

test('a batch is signed as a whole', async () => {
  const operation = (amount: bigint) => ({ type: 'transfer' as const, to: SHOP, amount })
  const operations = [operation(2n), operation(3n)]
  const sent = await owner.device.sendBatch(owner.wallet, { chainId: stack.chainId, operations })
  expect((await sent.wait()).operations.map(({ status }) => status)).toEqual(['mined', 'mined'])
})

test('while the first member is away the others sign, and when it is back any two do', async () => {
  await without(1, async () => {
    await pay('interactive')
    await owner.device.fillPresignatures(owner.wallet, 2)
    await pay('presignature')
  })
  await expectSigns(owner.device, owner.wallet)
})

test('a gateway that is started again knows as much as before: nothing', async () => {
  const gateway = stack.service('sigpair')
  await gateway.stop()
  await gateway.start()
  await expectSigns(owner.device, owner.wallet)
})

test('a rotation with backups counts without the member that missed its commit, which catches up', async () => {
  const { device, wallet, code } = owner
  const made: NewBackups[] = []
  await device.backUp(wallet, { encryptionKey: kit.encryptionKey, twoFactorCode: code() })
  const away = stack.members[2]!
  // between the dialogue, which needs all, and the commit, which does not
  const save = async (backups: NewBackups) => {
    made.push(backups)
    await away.stop()
  }
  const rotated = await device.rotateKey(wallet, { backups: { seal: sealWithAge(AGE), save }, twoFactorCode: code() })
  expect(rotated.epoch).toBe(1)
  await expectSigns(device, wallet)
  await away.start()
  await expectSigns(device, wallet)

  const ours = readDeviceShareContent(fast, await openAgeFile(made[0]!.device, AGE))
  const theirs = openCommitteeBackups(fast, ours, { encryptedData: made[0]!.sigpair!.encryptedData, dk: kit.dk })
  expect(theirs).toHaveLength(3)
  const { secret } = combineShares(fast, [ours, ...theirs.slice(1)])
  expect(computeAddress(`0x${Buffer.from(secret).toString('hex')}`)).toBe(wallet.address)

  await without(1, async () => expectSigns(device, wallet, 'by the two that are left'))
}, 120_000)
