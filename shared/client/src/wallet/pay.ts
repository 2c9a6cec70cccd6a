import type { Presignature } from '@tandem/ecdsa'
import { fromHex, type PrepareTransactionResponse, type TransactionResponse, toHex } from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { type Approved, signInteractively, signSession } from './sign-session.ts'
import type { Stock } from './stock.ts'
import { checkedAddress, checkPrepared, type Payment, transactionDigest } from './transaction.ts'
import type { Wallet } from './create-wallet.ts'

export type PaymentRequest = Payment & {
  /** BIP-32 path below the wallet's root */
  readonly path?: readonly number[]
  /** sign in a dialogue even if presignatures are in stock */
  readonly how?: 'presignature' | 'interactive'
}

/** A transaction on its way. */
export type Sent = {
  readonly txHash: string
  readonly sessionId: string
  /** resolves when it is mined or has failed; polls until `ms` have passed */
  readonly wait: (ms?: number) => Promise<TransactionResponse>
}

const POLL_MS = 250
const WAIT_MS = 60_000

/**
 * Prepares, checks that it is what was asked for, signs, submits. Repeating a lost answer never pays twice.
 *
 * Source: docs/spec/flows.md, sections 5 and 6.
 */
export async function sendTransaction(
  device: Device,
  stock: Stock<Presignature>,
  wallet: Wallet,
  request: PaymentRequest,
): Promise<Sent> {
  const { api, onProgress } = device
  const { to, value, chainId, data, path, how } = request
  onProgress({ step: 'prepare' })
  const prepared = await api.prepareTransaction(wallet.profileId, {
    to: checkedAddress(to),
    value: value.toString(),
    chainId,
    ...(data === undefined ? {} : { data }),
    ...(path === undefined ? {} : { path: [...path] }),
  })
  const approved = approve(request, prepared)

  if (how === 'interactive') await signInteractively(device, wallet.keyId, approved)
  const submit = async (share: string | undefined) => {
    onProgress({ step: 'submit' })
    const { sessionId } = prepared
    return api.sign(share === undefined ? { sessionId } : { sessionId, p1SignatureShare: share })
  }
  const { txHash } =
    how === 'interactive' ? await submit(undefined) : await signSession(device, stock, wallet.keyId, approved, submit)
  return {
    txHash,
    sessionId: prepared.sessionId,
    wait: async (ms = WAIT_MS) => waitFor(device, prepared.sessionId, ms),
  }
}

/** @throws {TandemError} `ANSWER_REFUSED` unless the prepared transaction is the requested one and has the stated digest */
function approve(request: PaymentRequest, prepared: PrepareTransactionResponse): Approved {
  checkPrepared(request, prepared.unsignedTx)
  const digest = transactionDigest(prepared.unsignedTx)
  const asked = (request.path ?? []).join('/')
  if (toHex(digest) !== prepared.digest.toLowerCase()) throw refused('a digest that is not the transaction’s')
  if (prepared.path.join('/') !== asked) throw refused('another derivation path')
  return { sessionId: prepared.sessionId, digest, path: prepared.path, rhoS: fromHex(prepared.rhoS) }
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
