import type { Vault } from '@tandem/client'
import {
  decodePresignature,
  encodePresignature,
  encodeSignatureShare,
  onlineShare,
  type SigningKey,
} from '@tandem/ecdsa'
import { sessionId } from '@tandem/rounds'
import { DEVICE, SIGPAIR } from '@tandem/sigpair'
import { fromHex, type PrepareTransactionResponse, type TicketResponse, toBase64url, toHex } from '@tandem/wire'
import { openIdentity } from '../../shared/client/src/identity.ts'
import { signingKey } from '../../shared/client/src/wallet/signing-key.ts'
import { loadWallet } from '../../shared/client/src/vault/wallet-record.ts'
import { fast } from './backends.ts'
import { type Conversation, converse, type Device, type DialogueRequest } from './device.ts'
import { rng } from './sigpair.ts'
import { playPresign } from './wallet.ts'

/** What a device holds, out of its vault: for owners who do not use the SDK, and do what it never would. */
export type BareDevice = { readonly device: Device; readonly key: SigningKey }

export async function bareDevice(vault: Vault, keyId: string): Promise<BareDevice> {
  const { identity, exchange, exchangeSecret, certificate, sign } = openIdentity((await vault.get('identity'))!)
  const cnf = { identity: toHex(identity), exchange: toHex(exchange) }
  const device = { identity, sign, certificate, exchange: { secretKey: exchangeSecret, publicKey: exchange }, cnf }
  return { device, key: signingKey(fast, await loadWallet(vault, keyId)) }
}

export type PresignTalk = { readonly talk: Conversation; readonly sigids: readonly Uint8Array[] }

/** A presign dialogue for `count`, holding nothing. */
export async function dialPresign(
  { device }: BareDevice,
  { ticket, sigpairUrl, cloudPublicKey }: TicketResponse,
  count: number,
  request: Partial<DialogueRequest> = {},
): Promise<PresignTalk> {
  const sigids = Array.from({ length: count }, () => rng(32))
  const hello = { op: 'presign' as const, count, sigids: sigids.map(toHex), inventory: [] }
  const talk = await converse({
    url: sigpairUrl,
    sigpairKey: fromHex(cloudPublicKey),
    device,
    ticket,
    hello,
    ...request,
  })
  return { talk, sigids }
}

/** Plays all runs of the dialogue, to its end, and keeps the presignatures as bytes: they can be used twice. */
export async function presignAll({ key }: BareDevice, { talk, sigids }: PresignTalk): Promise<readonly Uint8Array[]> {
  const made: Uint8Array[] = []
  for (const sigid of sigids) made.push(encodePresignature(await playPresign(talk, key, sessionId(sigid))))
  talk.stored()
  await talk.done()
  return made
}

/** p1SignatureShare for a prepared payment. */
export function shareFor(
  { key: { share } }: BareDevice,
  presignature: Uint8Array,
  { digest, path, rhoS }: PrepareTransactionResponse,
): string {
  const { publicKey, chainCode, epoch } = share
  const message = { digest: fromHex(digest), path, rhoS: fromHex(rhoS), rhoD: rng(32) }
  const current = { publicKey, chainCode, epoch, signers: [DEVICE, SIGPAIR] }
  const online = onlineShare(fast, decodePresignature(presignature), current, message)
  return toBase64url(encodeSignatureShare(online.share))
}
