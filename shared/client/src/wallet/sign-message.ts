import type { Presignature } from '@tandem/ecdsa'
import {
  fromHex,
  type SignMessageResponse,
  toHex,
  type TwoFactorCode,
  type TypedData,
  typedData,
  typedDataDigest,
  WireError,
} from '@tandem/wire'
import type { Device } from '../device.ts'
import { TandemError } from '../errors.ts'
import { loadWallet } from '../vault/wallet-record.ts'
import type { Wallet } from './create-wallet.ts'
import { type Approved, signSession } from './sign-session.ts'
import { currentShare } from './signing-key.ts'
import type { Stock } from './stock.ts'
import { messageDigest, verifies } from './transaction.ts'

/** EIP-712 as a dapp hands it over (`eth_signTypedData_v4`); integers may be bigints too. */
export type TypedDataRequest = Omit<TypedData, 'domain'> & {
  readonly domain: Omit<TypedData['domain'], 'chainId'> & { readonly chainId?: number | bigint | string | undefined }
}

/**
 * EIP-191 signature of a text, verified here before the app gets it.
 *
 * @returns 0x-hex of r ‖ s ‖ v
 */
export async function signMessage(
  device: Device,
  stock: Stock<Presignature>,
  wallet: Wallet,
  message: string,
  twoFactorCode?: TwoFactorCode,
): Promise<string> {
  const { api } = device
  const asked = { profileId: wallet.profileId, message }
  const what = { digest: messageDigest(message), twoFactorCode }
  return signDigest(device, stock, wallet, what, async (step) => api.signMessage({ ...asked, ...step }))
}

/**
 * EIP-712 signature, verified here before the app gets it. What does not fit its types is refused before anybody is asked.
 *
 * @returns 0x-hex of r ‖ s ‖ v
 * @throws {TandemError} `VALIDATION_FAILED`, `POLICY_DENIED` for a permit beyond the limits or a message the policy does not name
 */
export async function signTypedData(
  device: Device,
  stock: Stock<Presignature>,
  wallet: Wallet,
  request: TypedDataRequest,
  twoFactorCode?: TwoFactorCode,
): Promise<string> {
  const { api } = device
  const asked = { profileId: wallet.profileId, typedData: plain(request) }
  const what = { digest: digestOf(asked.typedData), twoFactorCode }
  return signDigest(device, stock, wallet, what, async (step) => api.signTypedData({ ...asked, ...step }))
}

type Step = {
  readonly sessionId?: string
  readonly p1SignatureShare?: string
  readonly twoFactorCode?: TwoFactorCode
}

/** Prepares, compares the digest with our own, signs, verifies. Source: docs/spec/flows.md, section 7. */
async function signDigest(
  device: Device,
  stock: Stock<Presignature>,
  wallet: Wallet,
  { digest, twoFactorCode }: Pick<Approved, 'digest' | 'twoFactorCode'>,
  call: (step: Step) => Promise<SignMessageResponse>,
): Promise<string> {
  const prepared = await call({})
  if (!('sessionId' in prepared)) throw refused('a signature nobody asked for')
  const { sessionId, rhoS } = prepared
  if (toHex(digest) !== prepared.digest.toLowerCase()) throw refused('a digest that is not the message’s')

  const approved = { sessionId, digest, path: [], rhoS: fromHex(rhoS), twoFactorCode }
  const proof = twoFactorCode === undefined ? {} : { twoFactorCode }
  const answer = await signSession(device, stock, wallet.keyId, approved, async (share) =>
    call({ sessionId, ...(share === undefined ? {} : { p1SignatureShare: share }), ...proof }),
  )
  if (!('signature' in answer)) throw refused('no signature')
  return checkedSignature(device, wallet, fromHex(answer.signature), digest)
}

/** Against the key in our own vault, not one the server names. */
async function checkedSignature(
  device: Device,
  wallet: Wallet,
  signature: Uint8Array,
  digest: Uint8Array,
): Promise<string> {
  const { backend, vault } = device
  const { publicKey } = currentShare(backend, await loadWallet(vault, wallet.keyId))
  if (!verifies(signature, digest, publicKey)) throw refused('a signature that does not verify')
  return toHex(signature)
}

/** As JSON says it: integers that JSON has no number for are decimal text. */
function plain(request: TypedDataRequest): TypedData {
  const { data } = typedData.safeParse(withoutBigints(request, 0))
  if (data === undefined) throw invalid('it is too large, or not of the form of EIP-712')
  return data
}

/** Deeper than any that is signed; what is cut off there is refused with the rest. */
const MAX_LEVELS = 16

function withoutBigints(value: unknown, level: number): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || level > MAX_LEVELS) return value
  if (Array.isArray(value)) return value.map((one) => withoutBigints(one, level + 1))
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutBigints(one, level + 1)]))
}

function digestOf(data: TypedData): Uint8Array {
  try {
    return typedDataDigest(data)
  } catch (cause) {
    throw invalid(cause instanceof WireError && cause.details !== undefined ? cause.details : 'it cannot be hashed')
  }
}

function invalid(details: string): TandemError {
  return new TandemError('VALIDATION_FAILED', 'This typed data cannot be signed.', { details })
}

function refused(what: string): TandemError {
  return new TandemError('ANSWER_REFUSED', `The server answered with ${what}; nothing was given out.`)
}
