import type { CreateProfileResponse, ProfilesResponse } from '@tandem/wire'
import { computeAddress } from 'ethers'
import { honest } from './key-holder.ts'
import { profileRequest, startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(() => world.close())

const newKey = (user = 'ada') => world.keys.addKey(world.issuer.userOf(user))
const create = (body: object, headers = {}, user = 'ada') =>
  world.call<CreateProfileResponse>(user, 'POST', '/api/v2/profiles', body, headers)

test('commits the key and answers the profile with its address and receipt', async () => {
  const key = newKey()
  const { status, body } = await create(profileRequest(key))
  expect(status).toBe(201)
  expect(body).toMatchObject({
    sessionWalletAddress: computeAddress(key.signer),
    receipt: { keyId: key.keyId, epoch: 0 },
  })
})

test('a repeated commit answers the same profile, also at once and at two instances', async () => {
  const body = profileRequest(newKey())
  const other = await world.anotherApi()
  const answers = await Promise.all(
    [world, other, world, other].map((api) => api.call<CreateProfileResponse>('ada', 'POST', '/api/v2/profiles', body)),
  )
  expect(new Set(answers.map((answer) => JSON.stringify({ ...answer.body }))).size).toBe(1)
})

test('an Idempotency-Key repeats the answer, and refuses another body', async () => {
  const headers = { 'idempotency-key': 'k-1' }
  const body = profileRequest(newKey())
  const first = await create(body, headers)
  const calls = world.keys.calls.length
  const second = await create(body, headers)
  expect(second).toMatchObject({ status: 201, body: first.body })
  expect(world.keys.calls).toHaveLength(calls)
  expect((await create(profileRequest(newKey()), headers)).body.error).toBe('IDEMPOTENCY_MISMATCH')
})

test('lists the caller’s profiles, oldest first, with what Sigpair says of each key', async () => {
  const [a, b] = [newKey('bob'), newKey('bob')]
  await create({ ...profileRequest(a), name: 'first' }, {}, 'bob')
  b.status = 'FROZEN'
  await create({ ...profileRequest(b), name: 'second' }, {}, 'bob')
  const { body } = await world.call<ProfilesResponse>('bob', 'GET', '/api/v1/profiles')
  expect(body.profiles).toMatchObject([
    { name: 'first', keyId: a.keyId, keyStatus: 'READY', presignatures: 3 },
    { name: 'second', keyId: b.keyId, keyStatus: 'FROZEN' },
  ])
})

test('what Sigpair refuses is what the caller sees', async () => {
  expect((await create(profileRequest(newKey('eve')))).body.error).toBe('NOT_FOUND')
})

test('does not bind a profile to another key than the caller’s', async () => {
  const other = newKey()
  world.keys.meddle = async (_, answer) => ({ ...answer, publicKey: other.signer.compressedPublicKey })
  expect((await create(profileRequest(newKey()))).body.error).toBe('INTERNAL')
})
