import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { createSigningKey, issueTicket, type PublicJwk } from '@tandem/service'
import { canonicalJson, certifyExchangeKey, type Hello, startHandshake, toHex, utf8 } from '@tandem/wire'
import { seeded } from '../helpers/rng.ts'

/** What a release's device says first: bytes that every later Sigpair must understand. Hex without 0x. */
export type GoldenDialogue = {
  readonly nowMs: number
  /** of the functions that issued the ticket */
  readonly functionsKey: PublicJwk
  readonly keyId: string
  readonly subprotocol: string
  /** X25519 */
  readonly sigpairSecret: string
  readonly deviceSecret: string
  readonly ephemeralSecret: string
  /** Ed25519 */
  readonly identitySecret: string
  readonly ticket: string
  readonly hello: string
  readonly message1: string
  /** one of each operation, as JSON */
  readonly hellos: readonly string[]
}

/** The device of a golden dialogue, on today's code. */
export function deviceOf(golden: Omit<GoldenDialogue, 'message1'>) {
  const [deviceSecret, identitySecret] = [hexToBytes(golden.deviceSecret), hexToBytes(golden.identitySecret)]
  const exchange = x25519.getPublicKey(deviceSecret)
  return startHandshake({
    operation: 'keygen',
    sigpairKey: x25519.getPublicKey(hexToBytes(golden.sigpairSecret)),
    deviceStatic: { secretKey: deviceSecret, publicKey: exchange },
    identity: ed25519.getPublicKey(identitySecret),
    certificate: certifyExchangeKey(identitySecret, exchange),
    ticket: golden.ticket,
    hello: utf8(golden.hello),
    rng: () => hexToBytes(golden.ephemeralSecret),
  })
}

/** A dialogue of nobody's key, with a ticket of a key that is thrown away. */
export async function goldenDialogue(nowMs: number): Promise<GoldenDialogue> {
  const rng = seeded('golden dialogue')
  const functions = await createSigningKey()
  const secret = () => bytesToHex(rng(32))
  const [sigpairSecret, deviceSecret, ephemeralSecret, identitySecret] = [secret(), secret(), secret(), secret()]
  const keyId = toHex(rng(32))
  const exchange = toHex(x25519.getPublicKey(hexToBytes(deviceSecret)))
  const cnf = { identity: toHex(ed25519.getPublicKey(hexToBytes(identitySecret))), exchange }
  const grant = { sub: 'https://issuer.test|alice', op: 'keygen' as const, keyId, epoch: 0, cnf }
  const ticket = await issueTicket(functions, grant, nowMs)
  const [sigid, id] = [toHex(rng(32)), Buffer.from(rng(32)).toString('base64url')]
  const committee = { session: toHex(rng(32)), signers: [1, 3, 4] }
  const hellos: readonly Hello[] = [
    { op: 'keygen' },
    { op: 'presign', count: 1, sigids: [sigid], inventory: [id] },
    { op: 'sign', sigid, rhoD: toHex(rng(32)), committee },
    { op: 'refresh', committee: { session: committee.session, stageId: toHex(rng(32)) } },
    { op: 'recover', restoreId: `rst_${Buffer.from(rng(16)).toString('base64url')}`, proof: toHex(rng(65)) },
  ]
  const golden = {
    ...{ nowMs, functionsKey: functions.publicJwk, keyId, subprotocol: 'tandem.v1' },
    ...{ sigpairSecret, deviceSecret, ephemeralSecret, identitySecret, ticket },
    hello: canonicalJson(hellos[0]!),
    hellos: hellos.map((hello) => canonicalJson(hello)),
  }
  return { ...golden, message1: bytesToHex(deviceOf(golden).message1) }
}
