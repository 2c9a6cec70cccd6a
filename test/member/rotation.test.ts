import { rotate, rotateRequest } from './calls.ts'
import { deal, finish, makePresignatures, playRefresh, type Wallet, walletOf } from './device.ts'
import { type Members, startMembers } from './members.ts'

// What `npm run test:faults -- --beside committee` demands after each death: any two of three sign in one epoch, and in no other.

const QUORUMS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const

let members: Members
let wallet: Wallet

beforeAll(async () => {
  members = await startMembers()
  wallet = await deal(members)
})
afterAll(async () => members.close())

async function expectEveryQuorum(holder: Wallet): Promise<void> {
  for (const quorum of QUORUMS) expect(await makePresignatures(members, holder, quorum)).toHaveLength(1)
}

test('a staged epoch signs nothing until it is committed, and the old one nothing after', async () => {
  const staged = await playRefresh(members, wallet)
  const next = walletOf(wallet.device, wallet.keyId, staged.result)
  await expectEveryQuorum(wallet)
  await finish(staged.legs)
  await expect(makePresignatures(members, next, [1, 2])).rejects.toMatchObject({ reason: 'EPOCH_MISMATCH' })
  await expectEveryQuorum(wallet)
  const answers = await rotate(members, wallet, rotateRequest(wallet, staged))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  await expectEveryQuorum(next)
  for (const quorum of QUORUMS) {
    await expect(makePresignatures(members, wallet, quorum)).rejects.toMatchObject({ reason: 'EPOCH_MISMATCH' })
  }
})
