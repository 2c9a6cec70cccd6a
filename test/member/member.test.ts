import { createDevice } from '../helpers/device.ts'
import { rng } from '../helpers/sigpair.ts'
import { intentBy, newKeyId } from '../helpers/wallet.ts'
import { finish, firstCommit, playKeygen, walletOf } from './device.ts'
import { type Members, startMembers } from './members.ts'

let members: Members

beforeAll(async () => (members = await startMembers()))
afterAll(async () => members.close())

test('three members and a device generate a key, and each commits it by itself', async () => {
  const device = createDevice(rng)
  const keyId = newKeyId()
  const { result, legs } = await playKeygen(members, device, keyId)
  expect(await finish(legs)).toEqual([{}, {}, {}])
  const wallet = walletOf(device, keyId, result)
  const request = firstCommit(wallet, intentBy)
  for (const member of members.all) {
    expect(await members.call(member, { path: '/internal/keys/commit', body: request })).toMatchObject({ status: 200 })
  }
})
