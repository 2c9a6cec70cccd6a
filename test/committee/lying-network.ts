import { broadcastPart, broadcastStatement } from '@tandem/ecdsa'
import type { Network, NodeName } from '../../sigpair/src/committee/network.ts'
import type { NodeIdentity } from '../../sigpair/src/committee/node-identity.ts'
import { decode } from '../../sigpair/src/committee/operations/messages.ts'
import { fast } from '../helpers/backends.ts'

/** In a payload: 1 ‖ session ‖ signature ‖ frame header ‖ body. Source: docs/spec/committee.md 4.2; wire.md, section 2. */
const SIGNATURE = 1 + 32
const FRAME = SIGNATURE + 64
const PROTOCOL = FRAME + 6
const ROUND = FRAME + 7
const BODY = FRAME + 52
const [KEYGEN, SIGN, REFRESH] = [1, 2, 4]

/** The byte of a round's body that is changed, and for whom; for everybody without a name. */
export type Lie = {
  readonly protocol: number
  readonly round: number
  readonly at: number
  readonly to?: NodeName
  /** tells nobody of a signature that it has */
  readonly mean?: true
}

/** Each in the first round in which it can be told, in a committee of two of three. */
export const LIES = {
  /** the commitment of keygen */
  commitment: { protocol: KEYGEN, round: 1, at: 0 },
  /** salt, two points, chain code, proof; then the share */
  share: { protocol: KEYGEN, round: 2, at: 32 + 66 + 32 + 65 + 31 },
  /** one point; then the share */
  refreshShare: { protocol: REFRESH, round: 2, at: 33 + 31 },
  /** tag, com; then the first correction word of the OT extension */
  oblivious: { protocol: SIGN, round: 1, at: 8 + 32 + 64 },
  /** echo and u′; then w */
  signatureShare: { protocol: SIGN, round: 3, at: 32 + 32 + 31, mean: true },
} as const satisfies Record<string, Lie>

const SIGNED = /^\{.*"signature":\{/

/** Flips a bit of what it sends, and signs that instead. */
export function lying(
  { network, identity }: { readonly network: Network; readonly identity: NodeIdentity },
  lieNow: () => Lie | undefined,
): Network {
  const signAgain = (bytes: Uint8Array) => {
    const incoming = decode(bytes)
    if (incoming.kind !== 'round') throw new TypeError('no round')
    const { message } = incoming.signed
    const part = broadcastPart(message, message.body, { threshold: 2, parties: 3 })
    return identity.sign(broadcastStatement(fast, { header: message, from: message.from, part }))
  }
  return {
    ...network,
    async send(to, payload) {
      const lie = lieNow()
      if (lie?.mean && SIGNED.test(Buffer.from(payload).toString())) return
      const bytes = payload.slice()
      const meant = bytes[0] === 1 && bytes[PROTOCOL] === lie?.protocol && bytes[ROUND] === lie?.round
      if (lie && meant && (lie.to ?? to) === to) {
        bytes[BODY + lie.at]! ^= 1
        bytes.set(signAgain(bytes), SIGNATURE)
      }
      await network.send(to, bytes)
    },
  }
}
