import { combine, decodeSignatureShare, encodeSignature, signingTarget } from '@tandem/ecdsa'
import { partyIndex, sessionId as runId } from '@tandem/rounds'
import { fromBase64url, fromHex, type MemberCompletion, type PrepareSessionRequest, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import { intentBy, payment } from '../helpers/wallet.ts'
import { firstCommit, type Prepared, type Staged, type Wallet } from './device.ts'
import type { Answer, Members, TestMember } from './members.ts'

/** What a gateway does, by hand and with whom a test likes. */

export async function commitEverywhere(members: Members, wallet: Wallet): Promise<readonly Answer[]> {
  const body = firstCommit(wallet)
  return Promise.all(members.all.map(async (member) => members.call(member, { path: '/internal/keys/commit', body })))
}

/** The enrolled device's word for a staged epoch. */
export function rotateRequest(
  { device, keyId, share }: Wallet,
  { stageId }: Pick<Staged, 'stageId'>,
  change: object = {},
) {
  const backups = { sigpair: 'waived' as const, device: 'waived' as const }
  const body = { stageId: toHex(stageId), backups, ...change }
  return { body, intent: intentBy(device, { op: 'rotate', keyId, epoch: share.epoch + 1 }, body) }
}

export async function rotate(
  members: Members,
  { keyId }: Pick<Wallet, 'keyId'>,
  body: ReturnType<typeof rotateRequest>,
  among: readonly TestMember[] = members.all,
): Promise<readonly Answer[]> {
  return Promise.all(among.map(async (one) => members.call(one, { path: `/internal/keys/${keyId}/rotate`, body })))
}

export type PreparedSession = Prepared & { readonly sessionId: string; readonly keyId: string }

/** Prepared with these members, and settled with all their parts. */
export async function prepare(
  members: Members,
  wallet: Wallet,
  among: readonly TestMember[] = members.all,
  request: PrepareSessionRequest = payment(wallet, [0, 7]),
): Promise<PreparedSession> {
  const { sessionId, keyId, path } = request
  const drawn = await Promise.all(
    among.map(async (member) => members.call(member, { path: '/internal/sessions', body: request })),
  )
  const parts = among.map(({ index }, i) => ({ index, rhoS: drawn[i]!.body['rhoS'] }))
  const call = { path: `/internal/sessions/${sessionId}/settle`, body: { keyId, parts } }
  const settled = await Promise.all(among.map(async (member) => members.gateway(member, call)))
  const [rhoS] = new Set(settled.map(({ body }) => body['rhoS']))
  return { sessionId, keyId, path, digest: fromHex(String(drawn[0]!.body['digest'])), rhoS: fromHex(String(rhoS)) }
}

export async function complete(
  members: Members,
  member: TestMember,
  { sessionId, keyId }: PreparedSession,
  p1SignatureShare?: string,
): Promise<Answer> {
  return members.call(member, { path: `/internal/sessions/${sessionId}/complete`, body: { keyId, p1SignatureShare } })
}

/** The sum of the device's share and those of the signers: r ‖ s ‖ recovery id. */
export function addUp(
  { digest, path, rhoS }: Prepared,
  p1SignatureShare: string,
  answers: readonly { readonly index: number; readonly completion: MemberCompletion }[],
): Uint8Array {
  const bytes = fromBase64url(p1SignatureShare)
  const theirs = decodeSignatureShare(bytes, partyIndex(1))
  const released = answers.flatMap(({ index, completion }) =>
    completion.released ? [{ index, ...completion.released }] : [],
  )
  const { nonce, publicKey, chainCode } = released[0]!
  const key = { publicKey: fromHex(publicKey), chainCode: fromHex(chainCode) }
  const message = { digest, path, rhoS, rhoD: theirs.rhoD }
  const target = signingTarget(fast, { id: runId(theirs.id), R: fromHex(nonce) }, key, message)
  const shares = released.map(({ index, share }) =>
    decodeSignatureShare(Uint8Array.of(...bytes.slice(0, 64), ...fromHex(share)), partyIndex(index)),
  )
  return encodeSignature(combine(fast, target, [theirs, ...shares], 'evm'))
}
