import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import {
  type Backend,
  hideSecrets,
  type KeygenResult,
  type KeyShare,
  openPair,
  refresh,
  sign,
  type SigningKey,
} from '@tandem/ecdsa'
import { type PartyIndex, sessionId } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { hashMessage, Signature as EthersSignature, verifyMessage } from 'ethers'
import { addendsOf } from './addends.ts'
import { runTogether } from './together.ts'

const random = (n: number) => new Uint8Array(randomBytes(n))

/**
 * Signs a text with the shares of those that sign together, by the protocol that they run: a backup holds no pair, so a refresh in
 * memory makes them first. The shares are never added, and nothing of what the refresh makes is kept.
 *
 * @param shares  ascending, as many as sign
 * @param address EIP-55
 * @returns 0x-hex of r ‖ s ‖ v, checked under the address by another library
 * @throws {Error} if it does not hold
 */
export async function drill(
  backend: Backend,
  shares: readonly KeyShare[],
  text: string,
  address: string,
): Promise<string> {
  const fresh = await refreshed(backend, shares)
  const message = {
    digest: Buffer.from(hashMessage(text).slice(2), 'hex'),
    path: [],
    rhoS: random(32),
    rhoD: random(32),
  }
  const session = {
    sigid: sessionId(random(32)),
    signers: fresh.map(({ share }) => share.self),
    assembler: 'all' as const,
    range: 'evm' as const,
  }
  try {
    const sides = fresh.map((result): [PartyIndex, ReturnType<typeof sign>] => [
      result.share.self,
      sign({ ...session, message }, signingKeyOf(backend, result), { backend, rng: random }),
    ])
    const [made] = await runTogether(new Map(sides))
    if (made === undefined) throw new Error('no signature was made')
    const r = toHex(made.compact.slice(0, 32))
    const s = toHex(made.compact.slice(32))
    const { serialized } = EthersSignature.from({ r, s, yParity: made.recovery === 0 ? 0 : 1 })
    if (verifyMessage(text, serialized) !== address) throw new Error('the signature is not of this address')
    return serialized
  } finally {
    for (const { share } of fresh) share.secret.fill(0)
  }
}

async function refreshed(backend: Backend, shares: readonly KeyShare[]): Promise<readonly KeygenResult[]> {
  const addends = addendsOf(backend, shares)
  const parties = addends.map((share) => ({ share, key: random(32) }))
  const identities = parties.map(({ key }) => ed25519.getPublicKey(key))
  const stageId = random(32)
  const sides = parties.map(({ share, key }): [PartyIndex, ReturnType<typeof refresh>] => {
    const deps = { backend, rng: random, sign: (bytes: Uint8Array) => ed25519.sign(bytes, key) }
    return [share.self, refresh({ share: hideSecrets({ ...share, identities }), stageId }, deps)]
  })
  try {
    return await runTogether(new Map(sides))
  } finally {
    for (const { secret } of addends) secret.fill(0)
  }
}

function signingKeyOf(backend: Backend, { share, pairs }: KeygenResult): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(backend, pair)])) }
}
