import type { Presignature } from '@tandem/ecdsa'
import {
  fromHex,
  type PrepareTransactionResponse,
  type TransactionResponse,
  type TwoFactorCode,
  toHex,
} from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { afterFailure, giveUp, type Payments } from './payments.ts'
import { type Approved, signInteractively, signSession } from './sign-session.ts'
import type { Stock } from './stock.ts'
import { checkedAddress, checkPrepared, type Payment, transactionDigest } from './transaction.ts'
import type { Wallet } from './create-wallet.ts'

export type PaymentRequest = Payment & {
  /** BIP-32 path below the wallet's root */
  readonly path?: readonly number[]
  /** sign in a dialogue even if presignatures are in stock */
  readonly how?: 'presignature' | 'interactive'
  /** when the policy asks for it (`TWO_FACTOR_REQUIRED`) */
  readonly twoFactorCode?: TwoFactorCode
}

/** A transaction on its way. */
export type Sent = {
  readonly txHash: string
  readonly sessionId: string
  /** resolves when it is mined or has failed; polls until `ms` have passed */
  readonly wait: (ms?: number) => Promise<TransactionResponse>
}

/** What a payment takes besides what is paid. */
export type PaymentDeps = {
  readonly device: Device
  readonly stock: Stock<Presignature>
  readonly payments: Payments
}

const POLL_MS = 250
const WAIT_MS = 60_000

/**
 * Prepares, checks that it is what was asked for, signs, submits. Repeating a lost answer never pays twice; a payment that
 * fails before it was signed frees its nonce.
 *
 * Source: docs/spec/flows.md, sections 5 and 6.
 */
export async function sendTransaction(
  { device, stock, payments }: PaymentDeps,
  wallet: Wallet,
  request: PaymentRequest,
): Promise<Sent> {
  const prepared = await prepare(device, wallet, request)
  const { sessionId } = prepared
  await payments.begin(sessionId)
  const approved = await approve(request, prepared).catch(async (refusal: unknown) =>
    giveUp(device.api, payments, sessionId, refusal),
  )
  const txHash = await signAndSubmit({ device, stock }, wallet, request, approved).catch(async (failure: unknown) =>
    afterFailure(device.api, payments, sessionId, failure),
  )
  await payments.end(sessionId)
  return { txHash, sessionId, wait: async (ms = WAIT_MS) => waitFor(device, sessionId, ms) }
}

async function prepare(device: Device, wallet: Wallet, request: PaymentRequest): Promise<PrepareTransactionResponse> {
  const { api, onProgress } = device
  const { to, value, chainId, data, path } = request
  onProgress({ step: 'prepare' })
  return api.prepareTransaction(wallet.profileId, {
    to: checkedAddress(to),
    value: value.toString(),
    chainId,
    ...(data === undefined ? {} : { data }),
    ...(path === undefined ? {} : { path: [...path] }),
  })
}

async function signAndSubmit(
  { device, stock }: Pick<PaymentDeps, 'device' | 'stock'>,
  wallet: Wallet,
  { how }: PaymentRequest,
  approved: Approved,
): Promise<string> {
  const { api, onProgress } = device
  const submit = async (share: string | undefined) => {
    onProgress({ step: 'submit' })
    const { sessionId, twoFactorCode } = approved
    const proof = twoFactorCode === undefined ? {} : { twoFactorCode }
    return api.sign({ sessionId, ...(share === undefined ? {} : { p1SignatureShare: share }), ...proof })
  }
  if (how !== 'interactive') {
    return (await signSession(device, stock, wallet.keyId, approved, submit)).txHash
  }
  await signInteractively(device, wallet.keyId, approved)
  return (await submit(undefined)).txHash
}

/** @throws {TandemError} `ANSWER_REFUSED` unless the prepared transaction is the requested one and has the stated digest */
async function approve(request: PaymentRequest, prepared: PrepareTransactionResponse): Promise<Approved> {
  checkPrepared(request, prepared.unsignedTx)
  const digest = transactionDigest(prepared.unsignedTx)
  const asked = (request.path ?? []).join('/')
  if (toHex(digest) !== prepared.digest.toLowerCase()) throw refused('a digest that is not the transaction’s')
  if (prepared.path.join('/') !== asked) throw refused('another derivation path')
  const { sessionId, path, rhoS } = prepared
  return { sessionId, digest, path, rhoS: fromHex(rhoS), twoFactorCode: request.twoFactorCode }
}

async function waitFor(device: Device, sessionId: string, ms: number): Promise<TransactionResponse> {
  const { api, platform } = device
  for (const deadline = platform.now() + ms; ; ) {
    const transaction = await api.transaction(sessionId)
    if (['mined', 'failed', 'expired'].includes(transaction.status)) return transaction
    if (platform.now() > deadline)
      throw new TandemError('NETWORK', 'The transaction is not mined yet; ask again later.')
    await new Promise<void>((resolve) => {
      platform.after(POLL_MS, resolve)
    })
  }
}

function refused(what: string): TandemError {
  return new TandemError('ANSWER_REFUSED', `The server answered with ${what}; nothing was given out.`)
}
