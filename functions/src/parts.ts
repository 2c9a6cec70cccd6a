import { issueTicket, loadOrCreateSigningKey, oidcVerifier, type SigningKey } from '@tandem/service'
import { openSqlite, ref, type Store } from '@tandem/store'
import { limits, type PrepareTransactionRequest } from '@tandem/wire'
import { completeTransaction } from './complete-transaction.ts'
import type { FunctionsConfig } from './config.ts'
import type { CreateProfileDeps } from './http/create-profile.ts'
import type { GetTransactionDeps } from './http/get-transaction.ts'
import type { IssueTicketDeps, TicketGrant } from './http/issue-ticket.ts'
import type { PrepareTransactionDeps } from './http/prepare-transaction.ts'
import type { GetProfileDeps, ListProfilesDeps } from './http/profiles.ts'
import type { SignDeps } from './http/sign.ts'
import type { SignMessageDeps } from './http/sign-message.ts'
import { chains } from './ports/chain.ts'
import { claims } from './ports/claims.ts'
import { duoNode } from './ports/duo-node.ts'
import { type Account, nonces } from './ports/nonces.ts'
import { profiles } from './ports/profiles.ts'
import { newSessionId, sessions } from './ports/sessions.ts'
import { type SettleDeps, settleOverdue } from './settle.ts'
import type { SubmitDeps } from './submit.ts'

/** Everything behind the routes, opened: what each endpoint may do to the world. */
export type Parts = {
  readonly store: Store
  readonly verifyUser: ReturnType<typeof oidcVerifier>
  readonly checkStore: () => Promise<void>
  readonly endpoints: Endpoints
}

export type Endpoints = IssueTicketDeps &
  CreateProfileDeps &
  GetProfileDeps &
  ListProfilesDeps &
  PrepareTransactionDeps &
  GetTransactionDeps &
  SignDeps & { readonly messages: SignMessageDeps }

/** @throws what a missing file, a locked database or a wrong key file throws */
export async function openParts(config: FunctionsConfig): Promise<Parts> {
  const key = await loadOrCreateSigningKey(config.signingKeyFile)
  const store = openSqlite({ path: config.storePath })
  return {
    store,
    verifyUser: oidcVerifier({ issuers: config.issuers }),
    checkStore: async () => {
      await store.get(ref('health', 'probe'))
    },
    endpoints: connect(config, key, store, Date.now),
  }
}

/** Loaded by the first request that needs it. */
const evm = () => import('./evm.ts')

function connect(config: FunctionsConfig, key: SigningKey, store: Store, now: () => number): Endpoints {
  const chainOf = chains(config.chains)
  const sigpair = duoNode({ url: config.duoNodeUrl, key })
  const ledger = nonces(store, now)
  const known = profiles(store)
  const open = sessions(store)
  const exclusively = claims(store, now)
  const countsOf = async ({ chainId, address }: Account) => (await chainOf(chainId)).countsOf(address)

  const submitting: SubmitDeps = {
    ...sigpair,
    exclusively,
    pinNonce: ledger.pin,
    freeNonce: ledger.free,
    advance: open.advance,
    assemble: async ({ unsignedTx, digest, from }, signature) => {
      const { signedTransaction, verifiedSignature } = await evm()
      return signedTransaction(unsignedTx, verifiedSignature(digest, signature, from))
    },
    broadcast: async (chainId, raw, txHash) => (await chainOf(chainId)).broadcast(raw, txHash),
  }
  const settling: SettleDeps = {
    ...submitting,
    overdueNonces: ledger.overdue,
    countsOf,
    requireTransaction: open.requireTransaction,
  }
  const messages: SignMessageDeps = {
    ...sigpair,
    exclusively,
    newSessionId,
    now,
    requireProfile: known.require,
    digestOf: async (message) => (await evm()).messageDigest(message),
    verifiedSignature: async (...signed) => (await evm()).verifiedSignature(...signed),
    createSession: open.create,
    requireMessage: open.requireMessage,
    setSignature: open.setSignature,
  }
  return {
    ...submitting,
    messages,
    now,
    newSessionId,
    sigpairUrl: config.sigpairUrl,
    signTicket: async (grant) => signTicket(key, grant, now()),
    requireProfile: known.require,
    requireProfileOfKey: known.requireByKey,
    listProfiles: known.list,
    saveProfile: known.save,
    addressOf: async (publicKey) => (await evm()).addressOf(publicKey),
    walletAddress: async (profile, path) => (await evm()).walletAddress(profile, path),
    completeTransaction: async (from, request) => complete(await chainOf(request.chainId), from, request),
    settleOverdue: async (caller, account) => settleOverdue(settling, caller, account),
    reserveNonce: async (account, session) => ledger.reserve(account, session, () => countsOf(account)),
    digestOf: async (tx) => (await evm()).transactionDigest(tx),
    createSession: open.create,
    requireSession: open.require,
    requireTransaction: open.requireTransaction,
    receiptOf: async (chainId, txHash) => (await chainOf(chainId)).receiptOf(txHash),
    readIdentity: sigpair.readIdentity,
    readKey: sigpair.readKey,
    commitKey: sigpair.commitKey,
    openSession: sigpair.openSession,
  }
}

async function complete(
  chain: Awaited<ReturnType<ReturnType<typeof chains>>>,
  from: string,
  request: PrepareTransactionRequest,
) {
  const { checksummed } = await evm()
  return completeTransaction(chain, from, checksummed(request.to), request)
}

async function signTicket(key: SigningKey, grant: TicketGrant & { readonly sub: string }, nowMs: number) {
  const expiresAt = Math.floor(nowMs / 1000) + limits.TICKET_SECONDS
  return { ticket: await issueTicket(key, grant, nowMs), expiresAt }
}
