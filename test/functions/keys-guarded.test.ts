import { ERRORS, WireError } from '@tandem/wire'
import { bucketsOf } from '../../functions/src/limits.ts'
import { honest } from './key-holder.ts'
import { GUARDED, intentOf, type Owner, random, send, stageOf, startOwner } from './keys-world.ts'
import { profileRequest, startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.keys.meddle = honest
})
afterAll(() => world.close())

const timesAsked = (as: string) => world.keys.calls.filter((call) => call === as).length

describe.each(GUARDED)('$as', ({ as, status, ask }) => {
  test('is not asked of Sigpair without a right code', async () => {
    const owner = await startOwner(world, `${as} without`)
    const before = timesAsked(as)
    const request = ask(owner)
    expect(await send(world, owner.user, request)).toMatchObject({
      status: 401,
      body: { error: 'TWO_FACTOR_REQUIRED' },
    })
    const wrong = await send(world, owner.user, request, { twoFactorCode: '0000-0000-0000-0000' })
    expect(wrong).toMatchObject({ status: 401, body: { error: 'TWO_FACTOR_INVALID' } })
    expect(timesAsked(as)).toBe(before)
  })

  test('repeated with the same intent needs no second code; with another it does', async () => {
    const owner = await startOwner(world, `${as} repeated`)
    const request = ask(owner)
    const twoFactorCode = owner.code()
    const first = await send(world, owner.user, request, { twoFactorCode })
    expect(first.status).toBe(status)
    expect(await send(world, owner.user, request, { twoFactorCode })).toMatchObject({ status, body: first.body })
    expect(await send(world, owner.user, request)).toMatchObject({ status, body: first.body })
    // A deleted key is beyond codes.
    if (as !== 'delete') expect((await send(world, owner.user, ask(owner))).body.error).toBe('TWO_FACTOR_REQUIRED')
  })

  test('sent three times at once with one code is never refused for it', async () => {
    const owner = await startOwner(world, `${as} at once`)
    const [request, twoFactorCode] = [ask(owner), owner.code()]
    const other = await world.anotherApi()
    const answers = await Promise.all(
      [world, other, world].map((api) => send(api, owner.user, request, { twoFactorCode })),
    )
    const outcomes = answers.map(({ status, body }) => (status < 300 ? 'done' : body.error))
    expect(outcomes).toContain('done')
    expect(outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'REQUEST_IN_PROGRESS')).toEqual([])
  })

  test('under an Idempotency-Key gets the same answer without another call', async () => {
    const owner = await startOwner(world, `${as} key`)
    const [request, more] = [ask(owner), { twoFactorCode: owner.code() }]
    const headers = { 'idempotency-key': 'once' }
    const first = await send(world, owner.user, request, more, headers)
    const asked = timesAsked(as)
    expect(await send(world, owner.user, request, more, headers)).toMatchObject({ status, body: first.body })
    expect(timesAsked(as)).toBe(asked)
  })

  test('of somebody else’s profile answers as if it were absent', async () => {
    const owner = await startOwner(world, `${as} owner`)
    const thief = await startOwner(world, `${as} thief`)
    const before = timesAsked(as)
    const answer = await send(world, thief.user, ask(owner), { twoFactorCode: thief.code() })
    expect(answer).toMatchObject({ status: 404, body: { error: 'NOT_FOUND' } })
    expect(timesAsked(as)).toBe(before)
  })

  test.each(['EPOCH_MISMATCH', 'FORBIDDEN', 'KEY_BUSY', 'KEY_FROZEN', 'RATE_LIMITED'] as const)(
    'refused by Sigpair as %s is refused so to the caller',
    async (code) => {
      const owner = await startOwner(world, `${as} ${code}`)
      world.keys.meddle = async (operation, answer) => {
        if (operation === as) throw new WireError(code, 'because')
        return answer
      }
      const { status, body } = await send(world, owner.user, ask(owner), { twoFactorCode: owner.code() })
      // Our own token is never the user's fault.
      const seen = code === 'FORBIDDEN' ? 'INTERNAL' : code
      expect({ status, error: body.error }).toEqual({ status: ERRORS[seen].status, error: seen })
    },
  )

  test('cut off after the code was proved goes on without another one', async () => {
    const owner = await startOwner(world, `${as} cut`)
    const request = ask(owner)
    world.keys.meddle = async (operation, answer) => {
      if (operation === as) throw new WireError('UNAVAILABLE')
      return answer
    }
    const cut = await send(world, owner.user, request, { twoFactorCode: owner.code() })
    expect(cut.body.error).toBe('DUO_NODE_UNAVAILABLE')
    world.keys.meddle = honest
    expect((await send(world, owner.user, request)).status).toBe(status)
  })
})

describe('deletion', () => {
  const erase = GUARDED.find(({ as }) => as === 'delete')!.ask
  const create = async ({ user, key }: Owner) => world.call(user, 'POST', '/api/v2/profiles', profileRequest(key))

  test('leaves no profile, and its key id is refused for ever', async () => {
    const owner = await startOwner(world, 'leaver')
    const { body } = await send(world, owner.user, erase(owner), { twoFactorCode: owner.code() })
    expect(body).toEqual({ status: 'deleted', keyId: owner.key.keyId })
    expect((await world.call(owner.user, 'GET', `/api/v1/profiles/${owner.profileId}`)).status).toBe(404)
    expect((await world.call(owner.user, 'GET', '/api/v1/profiles')).body).toEqual({ profiles: [] })
    expect(await create(owner)).toMatchObject({ status: 410, body: { error: 'KEY_DELETED' } })
    owner.key.status = 'READY' // a Sigpair that forgot
    expect(await create(owner)).toMatchObject({ status: 410, body: { error: 'KEY_DELETED' } })
  })

  test('that was cut off between the shares and the profile shows as deleted, and is finished without a code', async () => {
    const owner = await startOwner(world, 'halfway')
    owner.key.status = 'DELETED'
    const { body } = await world.call(owner.user, 'GET', '/api/v1/profiles')
    expect(body).toMatchObject({ profiles: [{ profileId: owner.profileId, keyStatus: 'DELETED', presignatures: 0 }] })
    expect((await send(world, owner.user, erase(owner))).body).toEqual({ status: 'deleted', keyId: owner.key.keyId })
    expect((await world.call(owner.user, 'GET', '/api/v1/profiles')).body).toEqual({ profiles: [] })
  })
})

describe('with the numbers of seed 003', () => {
  let limited: World
  beforeAll(async () => {
    limited = await startWorld(undefined, { buckets: { ...bucketsOf(), '2fa': null } })
  })
  afterAll(() => limited.close())

  test('five key operations an hour; a stage counts once', async () => {
    const owner = await startOwner(limited, 'rotator') // the first of five
    const backups = { sigpair: 'waived', device: 'waived' }
    const rotate = (stageId: string) => {
      const body = { profileId: owner.profileId, stageId, backups, intent: intentOf(owner, 'rotate') }
      return send(limited, owner.user, { method: 'POST', path: '/api/v1/mpc/rotate-key', body })
    }
    const stages = Array.from({ length: 5 }, () => stageOf(owner))
    const statuses: number[] = []
    for (const stageId of [...stages.slice(0, 4), stages[0]!, stages[4]!]) statuses.push((await rotate(stageId)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    const freeze = { method: 'POST', path: '/api/v1/mpc/freeze', body: { profileId: owner.profileId } }
    expect((await send(limited, owner.user, freeze)).headers.get('ratelimit')).toMatch(/^"key";r=0;/)
  })

  test('three backups and exports a day together; a repetition counts once', async () => {
    const owner = await startOwner(limited, 'keeper')
    const [backup, other] = [GUARDED[1].ask(owner), GUARDED[1].ask(owner)]
    const exported = GUARDED[3].ask(owner)
    const last = GUARDED[3].ask(owner)
    const statuses: number[] = []
    for (const request of [backup, backup, other, exported, exported, last])
      statuses.push((await send(limited, owner.user, request)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    const refused = await send(limited, owner.user, last)
    expect(refused.headers.get('ratelimit-policy')).toBe('"backup";q=3;w=86400')
  })

  test('a drill counts as a ticket', async () => {
    const owner = await startOwner(limited, 'driller')
    const request = { profileId: owner.profileId, challenge: random(32) }
    const { headers } = await limited.call(owner.user, 'POST', '/api/v1/mpc/drill', request)
    expect(headers.get('ratelimit')).toBe('"tickets";r=29;t=60')
  })
})
