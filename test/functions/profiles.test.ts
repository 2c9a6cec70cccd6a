import { type CreateProfileResponse, type ProfileResponse, type ProfilesResponse, WireError } from '@tandem/wire'
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

describe('renaming', () => {
  const rename = (profileId: string, body: object, headers = {}, user = 'ada') =>
    world.call<ProfileResponse>(user, 'PATCH', `/api/v1/profiles/${profileId}`, body, headers)
  const created = async () => (await create(profileRequest(newKey()))).body.profileId

  test('changes the name and nothing else', async () => {
    const profileId = await created()
    const before = await world.call<ProfileResponse>('ada', 'GET', `/api/v1/profiles/${profileId}`)
    const { status, body } = await rename(profileId, { name: '  Rainy days ' })
    expect({ status, body }).toEqual({ status: 200, body: { ...before.body, name: 'Rainy days' } })
    expect((await world.call('ada', 'GET', `/api/v1/profiles/${profileId}`)).body).toEqual(body)
  })

  test('is the owner’s: to others the profile is absent', async () => {
    const profileId = await created()
    expect((await rename(profileId, { name: 'Mine' }, {}, 'eve')).body.error).toBe('NOT_FOUND')
    expect((await rename('prf_AAAAAAAAAAAAAAAAAAAAAA', { name: 'x' })).body.error).toBe('NOT_FOUND')
  })

  test('does not touch what the commit of the key answered', async () => {
    const request = profileRequest(newKey())
    const first = await create(request)
    await rename(first.body.profileId, { name: 'Renamed' })
    expect((await create(request)).body).toEqual(first.body)
    const { body } = await world.call<ProfileResponse>('ada', 'GET', `/api/v1/profiles/${first.body.profileId}`)
    expect(body.name).toBe('Renamed')
  })

  test('repeats its answer under an Idempotency-Key, and refuses another body', async () => {
    const headers = { 'idempotency-key': 'rename-1' }
    const profileId = await created()
    const first = await rename(profileId, { name: 'A' }, headers)
    await rename(profileId, { name: 'B' })
    expect((await rename(profileId, { name: 'A' }, headers)).body).toEqual(first.body)
    const refused = await rename(profileId, { name: 'C' }, headers)
    expect(refused).toMatchObject({ status: 422, body: { error: 'IDEMPOTENCY_MISMATCH' } })
    expect((await world.call<ProfileResponse>('ada', 'GET', `/api/v1/profiles/${profileId}`)).body.name).toBe('B')
  })

  test('changes nothing when Sigpair cannot be asked', async () => {
    const profileId = await created()
    world.keys.meddle = () => Promise.reject(new WireError('UNAVAILABLE'))
    expect((await rename(profileId, { name: 'Lost' })).status).toBe(503)
    world.keys.meddle = honest
    expect((await world.call<ProfileResponse>('ada', 'GET', `/api/v1/profiles/${profileId}`)).body.name).toBe('Savings')
  })
})

test('a request under the Idempotency-Key of one that still runs is told to wait', async () => {
  const entered = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  world.keys.meddle = async (_, answer) => {
    entered.resolve()
    await gate.promise
    return answer
  }
  const headers = { 'idempotency-key': 'slow' }
  const body = profileRequest(newKey())
  const first = create(body, headers)
  await entered.promise
  const second = await create(body, headers)
  expect(second).toMatchObject({ status: 409, body: { error: 'REQUEST_IN_PROGRESS', statusCode: 409 } })
  expect(second.headers.get('retry-after')).toBe('1')
  gate.resolve()
  expect((await first).status).toBe(201)
})

// Seed 003, "Error Cases": these members with these values; requestId is ours.
test.each([
  {
    refusal: new WireError('INVALID_KEY_SHARE'),
    seed: { error: 'INVALID_KEY_SHARE', message: 'Key share not found or corrupted', statusCode: 400 },
  },
  {
    refusal: new WireError('MPC_SIGNING_FAILED', 'Round 3 timeout'),
    seed: {
      error: 'MPC_SIGNING_FAILED',
      message: 'Failed to complete MPC signing protocol',
      details: 'Round 3 timeout',
      statusCode: 500,
    },
  },
  {
    refusal: new WireError('DUO_NODE_UNAVAILABLE'),
    seed: { error: 'DUO_NODE_UNAVAILABLE', message: 'Cannot connect to MPC infrastructure', statusCode: 503 },
  },
])('$seed.error has exactly the shape of seed 003', async ({ refusal, seed }) => {
  world.keys.meddle = () => Promise.reject(refusal)
  const { status, body, headers } = await create(profileRequest(newKey()))
  expect({ status, body }).toEqual({ status: seed.statusCode, body: { ...seed, requestId: expect.any(String) } })
  expect(headers.get('content-type')).toBe('application/problem+json')
})
