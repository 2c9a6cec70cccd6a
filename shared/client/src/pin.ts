import { type CloudPublicKeyResponse, type CommitteeKeys, fromHex } from '@tandem/wire'
import { TandemError } from './errors.ts'

/** Sigpair's two long-lived public keys; behind a gateway those of every member, too. An app is built with them. */
export type Pin = {
  /** X25519, 0x-hex: the encrypted channel; behind a gateway node 1's */
  readonly publicKey: string
  /** Ed25519, 0x-hex: party 2 of every key, signs receipts; behind a gateway node 1's */
  readonly identity: string
  /** absent for a pair */
  readonly committee?: CommitteePin | undefined
}

/** The members in index order, and how many of them sign with the device. */
export type CommitteePin = {
  readonly threshold: number
  readonly nodes: readonly { readonly publicKey: string; readonly identity: string }[]
}

/** Trust whatever the server says the first time: for local runs only. */
export const TRUST_ON_FIRST_USE = 'trust-on-first-use'

export type PinnedKeys = NodeKeys & {
  readonly committee?: { readonly threshold: number; readonly nodes: readonly NodeKeys[] }
}

type NodeKeys = { readonly exchange: Uint8Array; readonly identity: Uint8Array }

/**
 * @param baseUrl first-use trust is refused unless this is a loopback address
 * @throws {TandemError} `PIN_MISMATCH` when the server has other keys than the pinned ones
 */
export function checkPin(
  pin: Pin | typeof TRUST_ON_FIRST_USE,
  offered: CloudPublicKeyResponse,
  baseUrl: string,
): PinnedKeys {
  if (pin === TRUST_ON_FIRST_USE) {
    if (!isLoopback(baseUrl)) {
      throw new TandemError(
        'PIN_MISMATCH',
        'Trust on first use is for loopback only: build the app with the keys of your Sigpair.',
      )
    }
  } else if (!isPinned(pin, offered)) {
    throw new TandemError(
      'PIN_MISMATCH',
      'This server does not have the Sigpair keys this app was built with; nothing was sent.',
    )
  }
  const { committee } = offered
  return { ...keysOf(offered), ...(committee && { committee: committeeOf(committee) }) }
}

function isPinned({ committee, ...first }: Pin, offered: CloudPublicKeyResponse): boolean {
  if (!sameKeys(first, offered)) return false
  if (committee === undefined || offered.committee === undefined) return committee === offered.committee
  const { threshold, nodes } = offered.committee
  const alike = committee.threshold === threshold && committee.nodes.length === nodes.length
  return alike && nodes.every((node, at) => sameKeys(node, committee.nodes[at]))
}

function committeeOf({ threshold, nodes }: CommitteeKeys): NonNullable<PinnedKeys['committee']> {
  const names = new Set(nodes.flatMap(({ publicKey, identity }) => [publicKey, identity]).map(lower))
  // One member under two indices would hold two shares.
  if (names.size !== 2 * nodes.length || threshold > nodes.length) {
    throw new TandemError('PIN_MISMATCH', 'This server names a committee that cannot be one; nothing was sent.')
  }
  return { threshold, nodes: nodes.map(keysOf) }
}

type NamedKeys = { readonly publicKey: string; readonly identity: string }

function keysOf({ publicKey, identity }: NamedKeys): NodeKeys {
  return { exchange: fromHex(publicKey), identity: fromHex(identity) }
}

function sameKeys(a: NamedKeys, b: NamedKeys | undefined): boolean {
  return lower(a.publicKey) === lower(b?.publicKey ?? '') && lower(a.identity) === lower(b?.identity ?? '')
}

function lower(text: string): string {
  return text.toLowerCase()
}

function isLoopback(url: string): boolean {
  return /^https?:\/\/(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(\/|$)/.test(url)
}
