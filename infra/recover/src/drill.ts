import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import {
  hideSecrets,
  type KeygenResult,
  type KeyShare,
  noble,
  openPair,
  refresh,
  sign,
  type SigningKey,
} from '@tandem/ecdsa'
import { partyIndex, type PartyIndex, sessionId } from '@tandem/rounds'
import { toHex } from '@tandem/wire'
import { hashMessage, Signature as EthersSignature, verifyMessage } from 'ethers'
import type { Halves } from './halves.ts'
import { runTogether } from './together.ts'

const DEVICE = partyIndex(1)
const SIGPAIR = partyIndex(2)

const random = (n: number) => new Uint8Array(randomBytes(n))

/**
 * Signs a text with the two halves, by the protocol that device and Sigpair run: a backup holds no pair, so a refresh in memory
 * makes one first. The shares are never added, and nothing of what the refresh makes is kept.
 *
 * @param address EIP-55
 * @returns 0x-hex of r ‖ s ‖ v, checked under the address by another library
 * @throws {Error} if it does not hold
 */
export async function drill({ device, sigpair }: Halves, text: string, address: string): Promise<string> {
  const [first, second] = await freshPair(device, sigpair)
  const message = {
    digest: Buffer.from(hashMessage(text).slice(2), 'hex'),
    path: [],
    rhoS: random(32),
    rhoD: random(32),
  }
  const session = {
    sigid: sessionId(random(32)),
    signers: [DEVICE, SIGPAIR],
    assembler: 'all' as const,
    range: 'evm' as const,
  }
  try {
    const sides = [first, second].map((result): [PartyIndex, ReturnType<typeof sign>] => [
      result.share.self,
      sign({ ...session, message }, signingKeyOf(result), { backend: noble, rng: random }),
    ])
    const [made] = await runTogether(new Map(sides))
    if (made === undefined) throw new Error('no signature was made')
    const r = toHex(made.compact.slice(0, 32))
    const s = toHex(made.compact.slice(32))
    const { serialized } = EthersSignature.from({ r, s, yParity: made.recovery === 0 ? 0 : 1 })
    if (verifyMessage(text, serialized) !== address) throw new Error('the signature is not of this address')
    return serialized
  } finally {
    for (const { share } of [first, second]) share.secret.fill(0)
  }
}

async function freshPair(device: KeyShare, sigpair: KeyShare): Promise<readonly [KeygenResult, KeygenResult]> {
  const secrets = [random(32), random(32)]
  const identities = secrets.map((secret) => ed25519.getPublicKey(secret))
  const stageId = random(32)
  const side = (share: KeyShare, secret: Uint8Array): [PartyIndex, ReturnType<typeof refresh>] => {
    const deps = { backend: noble, rng: random, sign: (bytes: Uint8Array) => ed25519.sign(bytes, secret) }
    return [share.self, refresh({ share: hideSecrets({ ...share, identities }), stageId }, deps)]
  }
  const [first, second] = await runTogether(
    new Map([side(device, secrets[0] ?? random(32)), side(sigpair, secrets[1] ?? random(32))]),
  )
  if (first === undefined || second === undefined) throw new Error('a refresh has two sides')
  return [first, second]
}

function signingKeyOf({ share, pairs }: KeygenResult): SigningKey {
  return { share, pairs: new Map(pairs.map((pair) => [pair.peer, openPair(noble, pair)])) }
}
