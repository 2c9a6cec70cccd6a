import { submit } from '../../functions/src/submit.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { CALLER, type Deps, type Pipeline, pipeline } from './pipeline.ts'

let anvil: Anvil
beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil.stop())

const STEPS = ['exclusively', 'pinNonce', 'completeSession', 'assemble', 'advance', 'broadcast'] as const
type Step = (typeof STEPS)[number]

/** Kills the process before or after its n-th call of one step. */
function killedAt(
  { deps, kill }: Pipeline,
  step: Step,
  nth: number,
  when: 'before' | 'after',
): { deps: Deps; reached: () => boolean } {
  let calls = 0
  const die = () => {
    kill()
    throw new Error('killed')
  }
  const original = deps[step] as (...args: unknown[]) => Promise<unknown>
  const fatal = async (...args: unknown[]) => {
    const now = ++calls === nth
    if (now && when === 'before') die()
    const result = await original(...args)
    return now ? die() : result
  }
  return { deps: { ...deps, [step]: fatal }, reached: () => calls >= nth }
}

const countOf = async (address: string) => Number(await anvil.call('eth_getTransactionCount', [address, 'latest']))

describe.each(STEPS)('killed at %s', (step) => {
  test.each(['before', 'after'] as const)(
    '%s it: the repetition submits one transaction, the signed one',
    async (when) => {
      let reached = true
      for (let nth = 1; reached; nth++) {
        const world = await pipeline(anvil)
        const session = await world.prepare()
        const first = killedAt(world, step, nth, when)
        await submit(first.deps, CALLER, session, 'a share').catch(() => undefined)
        reached = first.reached()

        world.clock.now += 61_000 // the claim of the dead process runs out
        const before = (await world.reload(session)).state
        const txHash = await submit(world.restart(), CALLER, await world.reload(session), 'another share')
        await anvil.mine()
        expect(await anvil.call('eth_getTransactionReceipt', [txHash])).toMatchObject({ status: '0x1' })
        expect(await countOf(world.address)).toBe(1)
        if ('txHash' in before) expect(before.txHash).toBe(txHash)
        expect(await submit(world.restart(), CALLER, await world.reload(session), undefined)).toBe(txHash)
      }
    },
  )
})

test('stores the raw transaction before the chain hears of it', async () => {
  const world = await pipeline(anvil)
  const session = await world.prepare()
  const broadcast: Deps['broadcast'] = async (chainId, raw, txHash) => {
    expect((await world.reload(session)).state).toEqual({ status: 'signed', raw, txHash })
    await world.deps.broadcast(chainId, raw, txHash)
  }
  await submit({ ...world.deps, broadcast }, CALLER, session, 'a share')
  expect((await world.reload(session)).state.status).toBe('submitted')
  expect.assertions(2)
})

test('refuses to sign what has expired, and leaves its nonce to the next', async () => {
  const world = await pipeline(anvil)
  const session = await world.prepare()
  world.clock.now += 600_000
  await expect(submit(world.deps, CALLER, session, 'a share')).rejects.toMatchObject({ code: 'SESSION_CONSUMED' })
  expect(await world.reserve()).toBe(session.unsignedTx.nonce)
})

test('while one request signs, another one is told to come back', async () => {
  const world = await pipeline(anvil)
  const session = await world.prepare()
  const racing: Deps['completeSession'] = async (...args) => {
    await expect(submit(world.deps, CALLER, session, 'a share')).rejects.toMatchObject({ code: 'REQUEST_IN_PROGRESS' })
    return world.deps.completeSession(...args)
  }
  await submit({ ...world.deps, completeSession: racing }, CALLER, session, 'a share')
  expect.assertions(1)
})

test('a request that looked before another one finished asks nobody to sign again', async () => {
  const world = await pipeline(anvil)
  const session = await world.prepare()
  const txHash = await submit(world.deps, CALLER, session, 'a share')
  const nobody = () => Promise.reject(new Error('asked'))
  expect(await submit({ ...world.deps, completeSession: nobody }, CALLER, session, 'a share')).toBe(txHash)
})
