import { derive, encodeSignatureShare, type KeyShare, onlineShare, type Presignature } from '@tandem/ecdsa'
import {
  type BatchOperationsResponse,
  type BatchOperationStatus,
  type BatchResponse,
  limits,
  toBase64url,
} from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { loadWallet } from '../vault/wallet-record.ts'
import { approveBatch, type BatchRequest, checkSigned } from './batch-check.ts'
import type { Wallet } from './create-wallet.ts'
import { encodeOperation, toWire } from './operation.ts'
import type { Payments } from './payments.ts'
import { fillPresignatures } from './presignatures.ts'
import { isAway } from './quorum.ts'
import { type Approved, isCommittee } from './sign-session.ts'
import { afterBatchFailure } from './settle-batch.ts'
import { currentShare, signersOf } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { addressOf } from './transaction.ts'

/** A batch on its way: every operation was handed to the chain. */
export type SentBatch = {
  readonly batchId: string
  /** in the order of the batch */
  readonly operations: readonly BatchOperationStatus[]
  /** resolves when all are mined or have failed; polls until `ms` have passed */
  readonly wait: (ms?: number) => Promise<BatchResponse>
}

/** What a batch takes besides what is in it. */
export type BatchDeps = {
  readonly device: Device
  readonly stock: Stock<Presignature>
  /** the journal of batches */
  readonly batches: Payments
}

const POLL_MS = 250
const WAIT_MS = 120_000

/** A presignature only one side knows of costs a new set of shares, once. */
const MAX_SETS = 2

/** How often a batch that stopped for want of time, or of the node, is sent on. */
const MAX_EXECUTIONS = 10

/**
 * Prepares a batch, checks that each transaction is the operation that was asked for, signs all, checks what was signed,
 * and has it sent in order. All are signed or none. What fails before it was sent is given up, and its nonces are free.
 *
 * @throws {TandemError} `ANSWER_REFUSED` for anything that was not asked for; `TRANSACTION_REJECTED` if the chain refused one:
 *         those before it were sent, those behind it were not, and `details` names batch and operation
 *
 * Source: docs/spec/flows.md, section 15.
 */
export async function sendBatch(
  { device, stock, batches }: BatchDeps,
  wallet: Wallet,
  request: BatchRequest,
): Promise<SentBatch> {
  const { api, backend, vault, onProgress } = device
  const { path = [], operations } = request
  if (operations.length === 0 || operations.length > limits.MAX_BATCH_OPERATIONS) throw badCount()
  const share = currentShare(backend, await loadWallet(vault, wallet.keyId))
  const { publicKey } = derive(backend, share, path)
  const address = addressOf(publicKey)
  for (const operation of operations) encodeOperation(operation, address) // nothing is asked for what cannot be

  await stockUp(device, stock, wallet, operations.length)
  onProgress({ step: 'prepare' })
  const prepared = await api.prepareBatch({
    profileId: wallet.profileId,
    chainId: request.chainId,
    operations: operations.map(toWire),
    ...(request.path === undefined ? {} : { path: [...path] }),
  })
  const { batchId } = prepared
  await batches.begin(batchId)
  try {
    const approved = await approveBatch(request, address, prepared)
    checkSigned(approved, publicKey, await sign({ device, stock, wallet, share, request }, prepared, approved))
    const { operations: sent } = await executeAll(device, batchId)
    await batches.end(batchId)
    return { batchId, operations: sent, wait: async (ms = WAIT_MS) => waitFor(device, batchId, ms) }
  } catch (failure) {
    await afterBatchFailure(api, batches, batchId)
    throw failure
  }
}

type Signing = {
  readonly request: BatchRequest
  readonly device: Device
  readonly stock: Stock<Presignature>
  readonly wallet: Wallet
  readonly share: KeyShare
}

async function sign(signing: Signing, { batchId }: BatchOperationsResponse, approved: readonly Approved[]) {
  const { device, stock, wallet, request } = signing
  const { twoFactorCode } = request
  const proof = twoFactorCode === undefined ? {} : { twoFactorCode }
  for (let set = 1; ; set++) {
    await stockUp(device, stock, wallet, approved.length)
    const { signatures, members } = await sharesOf(signing, approved)
    try {
      return (await device.api.signBatch({ batchId, signatures, ...proof })).signedOps
    } catch (error) {
      const away = members.length > 0 && isAway(error)
      const spent = error instanceof TandemError && error.code === 'PRESIGNATURE_CONSUMED'
      if (away) device.standing.failed(members)
      if (!(spent || away) || set === MAX_SETS) throw error
      // One of them is not what Sigpair has; the next dialogue tells it that all the others are gone too.
      stock.clear(wallet.keyId)
    }
  }
}

/** One share each, and the members of a committee they need. Taking a presignature removes it from the stock, whatever happens next. */
async function sharesOf({ device, stock, wallet, share }: Signing, approved: readonly Approved[]) {
  const { backend, platform, onProgress, standing } = device
  // Others sign with this wallet too: all are taken at once, or none.
  if (stock.size(wallet.keyId) < approved.length) throw tooFew()
  const taken = approved.map(() => stock.take(wallet.keyId, ({ signers }) => standing.failuresOf(signers)))
  const { publicKey, chainCode, epoch } = share
  const shares: string[] = []
  for (const [i, message] of approved.entries()) {
    const presignature = taken[i]
    if (presignature === undefined) throw tooFew()
    onProgress({ step: 'sign' })
    const key = { publicKey, chainCode, epoch, signers: signersOf(share, presignature) }
    const online = onlineShare(backend, presignature, key, { ...message, rhoD: platform.random(32) })
    shares.push(toBase64url(encodeSignatureShare(online.share)))
    await platform.breathe()
  }
  const members = taken.flatMap((one) => (one !== undefined && isCommittee(one) ? one.signers.slice(0, -1) : []))
  return { signatures: shares, members: [...new Set(members)] }
}

/** @throws {TandemError} `PRESIGNATURE_CONSUMED` if there cannot be as many */
async function stockUp(device: Device, stock: Stock<Presignature>, wallet: Wallet, count: number): Promise<void> {
  if ((await fillPresignatures(device, stock, wallet.keyId, count)) < count) throw tooFew()
}

/** Sends until all are sent. @throws {TandemError} naming the operation that was not */
async function executeAll(device: Device, batchId: string): Promise<BatchResponse> {
  const { api, platform, onProgress } = device
  for (let tries = 1; ; tries++) {
    onProgress({ step: 'submit' })
    const sent = await api.executeBatch(batchId)
    const stopped = sent.operations.find(({ status }) => status !== 'submitted' && status !== 'mined')
    if (stopped === undefined) return sent
    if (stopped.status !== 'signed' || tries === MAX_EXECUTIONS) throw notSent(batchId, stopped)
    await pause(platform)
  }
}

async function waitFor({ api, platform }: Device, batchId: string, ms: number): Promise<BatchResponse> {
  for (const deadline = platform.now() + ms; ; ) {
    const batch = await api.batch(batchId)
    if (batch.operations.every(({ status }) => ['mined', 'failed', 'expired'].includes(status))) return batch
    if (platform.now() > deadline) throw new TandemError('NETWORK', 'The batch is not mined yet; ask again later.')
    await pause(platform)
  }
}

async function pause({ after }: Device['platform']): Promise<void> {
  return new Promise((resolve) => {
    after(POLL_MS, resolve)
  })
}

function notSent(batchId: string, { index, error }: BatchOperationStatus): TandemError {
  const why = error?.details ?? error?.code ?? 'it was not sent'
  const code = error?.code === 'CHAIN_UNAVAILABLE' ? 'CHAIN_UNAVAILABLE' : 'TRANSACTION_REJECTED'
  const details = `${batchId}, operation ${index}: ${why}`
  return new TandemError(code, 'The batch was not sent to its end; ask for it by its id.', { details })
}

function badCount(): TandemError {
  const message = `A batch has 1 to ${limits.MAX_BATCH_OPERATIONS} operations.`
  return new TandemError('VALIDATION_FAILED', message)
}

function tooFew(): TandemError {
  return new TandemError('PRESIGNATURE_CONSUMED', 'There are not enough presignatures for this batch; try again.')
}
