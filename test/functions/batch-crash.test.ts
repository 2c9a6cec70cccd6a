import { secp256k1 } from '@noble/curves/secp256k1.js'
import { openSqlite, type Store } from '@tandem/store'
import { toHex, WireError } from '@tandem/wire'
import { computeAddress, SigningKey } from 'ethers'
import { signedTransaction, transactionDigest, verifiedSignature } from '../../functions/src/evm.ts'
import { cancelBatch, type CancelBatchDeps } from '../../functions/src/http/batch.ts'
import { batchExecute, type BatchExecuteDeps } from '../../functions/src/http/batch-execute.ts'
import { batchSign, type BatchSignDeps } from '../../functions/src/http/batch-sign.ts'
import { type Batch, batches, newBatchId } from '../../functions/src/ports/batches.ts'
import { chainOver } from '../../functions/src/ports/chain.ts'
import { claims } from '../../functions/src/ports/claims.ts'
import { nonces } from '../../functions/src/ports/nonces.ts'
import { newSessionId, sessions, type TransactionSession } from '../../functions/src/ports/sessions.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { CALLER, freshSignature, killable } from './pipeline.ts'

let anvil: Anvil
beforeAll(async () => {
  anvil = await startAnvil()
})
afterAll(() => anvil.stop())

type Deps = BatchSignDeps & BatchExecuteDeps & CancelBatchDeps

const COUNT = 3

/** What stands behind a prepared batch of payments, with a clock the test turns and processes that die. */
async function world() {
  const signer = new SigningKey(toHex(secp256k1.utils.randomSecretKey()))
  const address = computeAddress(signer)
  await anvil.fund(address)
  const clock = { now: Date.now() }
  const store = openSqlite({ path: ':memory:', clock: () => clock.now })
  const account = { chainId: 31337, address }
  const counts = () => chainOver(anvil.call).countsOf(address)
  let signatures: readonly { sessionId: string; digest: string; signature: string }[] | undefined

  const connect = (mine: Store): Deps => {
    const [ledger, open, known] = [nonces(mine, () => clock.now), sessions(mine), batches(mine)]
    const sessionsOf = ({ operations }: Batch) =>
      Promise.all(operations.map(({ sessionId }) => open.requireTransaction(CALLER.sub, sessionId)))
    return {
      now: () => clock.now,
      requireBatch: known.require,
      sessionsOf,
      exclusively: claims(mine, () => clock.now),
      pinNonces: (at, ids) => ledger.pin(at, ...ids),
      freeNonces: (at, ids) => ledger.free(at, ...ids),
      freeNonce: ledger.free,
      failBatch: known.fail,
      requireTwoFactor: async () => {},
      markProven: known.markProven,
      markExecuting: known.markExecuting,
      advance: open.advance,
      advanceAll: open.advanceAll,
      // Like Sigpair: the first signatures stay, and are all there is.
      completeBatch: async (_, batchId) => {
        const all = await sessionsOf(await batches(store).require(CALLER.sub, batchId))
        signatures ??= all.map(({ sessionId, digest }) => ({
          sessionId,
          digest,
          signature: freshSignature(digest, signer),
        }))
        return { signatures: [...signatures] }
      },
      cancelBatch: async () => {
        if (signatures !== undefined) throw new WireError('SESSION_CONSUMED')
        return {}
      },
      assemble: async ({ unsignedTx, digest, from }, signature) =>
        signedTransaction(unsignedTx, verifiedSignature(digest, signature, from)),
      broadcast: (_, raw, txHash) => chainOver(anvil.call).broadcast(raw, txHash),
    }
  }
  const batch = await prepare(store, clock.now, account, counts)
  const mortal = killable(store)
  const survivor = connect(store)
  return { batch, address, clock, deps: connect(mortal.store), kill: mortal.kill, survivor }
}

type World = Awaited<ReturnType<typeof world>>

async function prepare(
  store: Store,
  now: number,
  account: { readonly chainId: number; readonly address: string },
  counts: () => Promise<{ latest: number; pending: number }>,
): Promise<Batch> {
  const wanted = Array.from({ length: COUNT }, () => ({ sessionId: newSessionId(), until: now + 600_000 }))
  const free = await nonces(store, () => now).reserveAll(account, wanted, counts)
  const common = { owner: CALLER.sub, profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA', keyId: `0x${'01'.repeat(32)}` }
  const named = { ...common, batchId: newBatchId(), from: account.address, expiresAt: Math.floor(now / 1000) + 600 }
  const all = wanted.map(({ sessionId }, i): TransactionSession => {
    const fees = { maxPriorityFeePerGas: '1000000000', maxFeePerGas: '3000000000', gasLimit: '21000' }
    const to = { to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8', value: '1', data: '0x' }
    const unsignedTx = { type: 'eip1559' as const, chainId: 31337, nonce: free[i]!, ...fees, ...to }
    const digest = transactionDigest(unsignedTx)
    return { ...named, kind: 'transaction', path: [], sessionId, digest, unsignedTx, state: { status: 'prepared' } }
  })
  await sessions(store).createAll(all)
  const operations = all.map(({ sessionId }, operation) => ({ sessionId, operation }))
  const batch = { ...named, chainId: account.chainId, operations, failure: null }
  await batches(store).create(batch)
  return batch
}

const SIGN = ['exclusively', 'pinNonces', 'completeBatch', 'assemble', 'advanceAll'] as const
const EXECUTE = ['markExecuting', 'broadcast', 'advance'] as const
type Step = (typeof SIGN)[number] | (typeof EXECUTE)[number]

/** Kills the process before or after its n-th call of one step. */
function dying({ deps, kill }: World, step: Step, nth: number, when: 'before' | 'after') {
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
  return { deps: { ...deps, [step]: fatal } as Deps, reached: () => calls >= nth }
}

const shares = Array.from({ length: COUNT }, () => 'a share')

describe.each([...SIGN, ...EXECUTE])('killed at %s', (step) => {
  test.each(['before', 'after'] as const)('%s it: the repetition sends each transaction once', async (when) => {
    let reached = true
    for (let nth = 1; reached; nth++) {
      const here = await world()
      const { batch, clock, survivor, address } = here
      const request = { batchId: batch.batchId, signatures: shares }
      const first = dying(here, step, nth, when)
      await batchSign(first.deps)(CALLER, request)
        .then(() => batchExecute(first.deps)(CALLER, batch.batchId))
        .catch(() => undefined)
      reached = first.reached()

      clock.now += 61_000 // the claim of the dead process runs out
      const before = await survivor.sessionsOf(batch)
      const { signedOps } = await batchSign(survivor)(CALLER, request)
      const { operations } = await batchExecute(survivor)(CALLER, batch.batchId)
      expect(operations.map(({ status }) => status)).toEqual(Array(COUNT).fill('submitted'))
      for (const [i, { state }] of before.entries()) {
        if ('txHash' in state) expect(signedOps[i]!.txHash).toBe(state.txHash)
      }
      await anvil.mine()
      expect(Number(await anvil.call('eth_getTransactionCount', [address, 'latest']))).toBe(COUNT)
    }
  })
})

test('stores every raw transaction before the chain hears of one', async () => {
  const { deps, batch } = await world()
  const broadcast: Deps['broadcast'] = async (...sent) => {
    for (const { state } of await deps.sessionsOf(batch)) expect(['signed', 'submitted']).toContain(state.status)
    await deps.broadcast(...sent)
  }
  await batchSign(deps)(CALLER, { batchId: batch.batchId, signatures: shares })
  await batchExecute({ ...deps, broadcast })(CALLER, batch.batchId)
  expect.assertions(COUNT * COUNT)
})

test('what takes too long goes on at the next call', async () => {
  const { deps, batch, clock } = await world()
  await batchSign(deps)(CALLER, { batchId: batch.batchId, signatures: shares })
  const slow: Deps['broadcast'] = async (...sent) => {
    await deps.broadcast(...sent)
    clock.now += 6_000
  }
  const { operations } = await batchExecute({ ...deps, broadcast: slow })(CALLER, batch.batchId)
  expect(operations.map(({ status }) => status)).toEqual(['submitted', 'submitted', 'signed'])
  expect(operations[2]!.error).toEqual({ code: 'REQUEST_IN_PROGRESS' })
  const next = await batchExecute(deps)(CALLER, batch.batchId)
  expect(next.operations.map(({ status }) => status)).toEqual(Array(COUNT).fill('submitted'))
})

test('a batch nobody signed expires, and its nonces are the next one’s', async () => {
  const { deps, batch, clock } = await world()
  clock.now += 600_000
  const late = batchSign(deps)(CALLER, { batchId: batch.batchId, signatures: shares })
  await expect(late).rejects.toMatchObject({ code: 'SESSION_CONSUMED', details: 'the session has expired' })
})

test('giving up is not done beside a request that signs', async () => {
  const { deps, batch } = await world()
  const completeBatch: Deps['completeBatch'] = async (...args) => {
    const giveUp = cancelBatch(deps)(CALLER, batch.batchId)
    await expect(giveUp).rejects.toMatchObject({ code: 'REQUEST_IN_PROGRESS' })
    return deps.completeBatch(...args)
  }
  await batchSign({ ...deps, completeBatch })(CALLER, { batchId: batch.batchId, signatures: shares })
  expect.assertions(1)
})
