import { secp256k1 } from '@noble/curves/secp256k1.js'
import { openSqlite, type Store } from '@tandem/store'
import { fromHex, toHex, type UnsignedTx, WireError } from '@tandem/wire'
import { computeAddress, SigningKey } from 'ethers'
import { signedTransaction, transactionDigest, verifiedSignature } from '../../functions/src/evm.ts'
import { chainOver } from '../../functions/src/ports/chain.ts'
import { claims } from '../../functions/src/ports/claims.ts'
import { nonces } from '../../functions/src/ports/nonces.ts'
import { newSessionId, sessions, type TransactionSession } from '../../functions/src/ports/sessions.ts'
import type { SettleDeps } from '../../functions/src/settle.ts'
import type { SubmitDeps } from '../../functions/src/submit.ts'
import type { Anvil } from './anvil.ts'

export const CALLER = { sub: 'https://issuer.example|ada', issuer: 'https://issuer.example', subject: 'ada' }
const CHAIN_ID = 31337

export type Deps = SubmitDeps & SettleDeps

/** What stands behind submit and settle in functions, around one account, with a clock the test turns. */
export type Pipeline = {
  readonly deps: Deps
  readonly address: string
  readonly clock: { now: number }
  /** nothing the process does from now on has an effect, as if it had been killed */
  readonly kill: () => void
  /** the same store, opened by the next process */
  readonly restart: () => Deps
  readonly prepare: () => Promise<TransactionSession>
  readonly reload: (session: TransactionSession) => Promise<TransactionSession>
  readonly reserve: () => Promise<number>
}

export async function pipeline(anvil: Anvil): Promise<Pipeline> {
  const signer = new SigningKey(toHex(secp256k1.utils.randomSecretKey()))
  const address = computeAddress(signer)
  await anvil.fund(address)
  const clock = { now: Date.now() }
  const store = openSqlite({ path: ':memory:', clock: () => clock.now })
  const signatures = new Map<string, string>()
  const account = { chainId: CHAIN_ID, address }
  const counts = () => chainOver(anvil.call).countsOf(address)

  /** Like Sigpair: it keeps the first signature, and would make another one if it were asked to sign again. */
  const completeSession: SubmitDeps['completeSession'] = async (_, sessionId, { p1SignatureShare }) => {
    const { digest } = await sessions(store).requireTransaction(CALLER.sub, sessionId)
    const known = signatures.get(sessionId)
    if (known === undefined && p1SignatureShare === undefined) throw new WireError('VALIDATION_FAILED')
    const signature = known ?? freshSignature(digest, signer)
    signatures.set(sessionId, signature)
    return { digest, signature }
  }

  const connect = (mine: Store): Deps => {
    const ledger = nonces(mine, () => clock.now)
    const open = sessions(mine)
    return {
      exclusively: claims(mine, () => clock.now),
      pinNonce: ledger.pin,
      freeNonce: ledger.free,
      overdueNonces: ledger.overdue,
      countsOf: counts,
      completeSession,
      assemble: async ({ unsignedTx, digest, from }, signature) =>
        signedTransaction(unsignedTx, verifiedSignature(digest, signature, from)),
      broadcast: (_, raw, txHash) => chainOver(anvil.call).broadcast(raw, txHash),
      advance: open.advance,
      findSession: open.find,
    }
  }
  const mortal = killable(store)
  return {
    deps: connect(mortal.store),
    address,
    clock,
    kill: mortal.kill,
    restart: () => connect(store),
    prepare: () => prepare(store, clock, account, counts),
    reload: (session) => sessions(store).requireTransaction(CALLER.sub, session.sessionId),
    reserve: () =>
      nonces(store, () => clock.now).reserve(
        account,
        { sessionId: newSessionId(), until: clock.now + 600_000 },
        counts,
      ),
  }
}

async function prepare(
  store: Store,
  clock: { readonly now: number },
  account: { readonly chainId: number; readonly address: string },
  counts: () => Promise<{ latest: number; pending: number }>,
): Promise<TransactionSession> {
  const sessionId = newSessionId()
  const until = clock.now + 600_000
  const nonce = await nonces(store, () => clock.now).reserve(account, { sessionId, until }, counts)
  const unsignedTx: UnsignedTx = {
    type: 'eip1559',
    chainId: CHAIN_ID,
    nonce,
    maxPriorityFeePerGas: '1000000000',
    maxFeePerGas: '3000000000',
    gasLimit: '21000',
    to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    value: '1',
    data: '0x',
  }
  const session: TransactionSession = {
    kind: 'transaction',
    sessionId,
    owner: CALLER.sub,
    profileId: 'prf_AAAAAAAAAAAAAAAAAAAAAA',
    keyId: `0x${'01'.repeat(32)}`,
    path: [],
    from: account.address,
    digest: transactionDigest(unsignedTx),
    expiresAt: Math.floor(until / 1000),
    unsignedTx,
    state: { status: 'prepared' },
  }
  await sessions(store).create(session)
  return session
}

/** Another one each time, as of two parties with fresh nonces. */
export function freshSignature(digest: string, signer: SigningKey): string {
  const key = fromHex(signer.privateKey)
  const bytes = secp256k1.sign(fromHex(digest), key, { prehash: false, extraEntropy: true, format: 'recovered' })
  return toHex(Uint8Array.of(...bytes.subarray(1), bytes[0]!))
}

export function killable(store: Store): { readonly store: Store; readonly kill: () => void } {
  let alive = true
  const guarded = new Proxy(store, {
    get: (target, name: keyof Store) => {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => (alive ? method(...args) : Promise.reject(new Error('killed')))
    },
  })
  return {
    store: guarded,
    kill: () => {
      alive = false
    },
  }
}
