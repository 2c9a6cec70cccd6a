import { type CompleteSessionResponse, type KeepSignatureRequest, memberCompletion } from '@tandem/wire'
import { candidatesIn, isDecided, nothingToKeep } from './candidates.ts'
import type { Gateway } from './gateway.ts'
import { hand } from './keep.ts'
import type { Word } from './member-call.ts'
import { read } from './said.ts'
import type { Prepared } from './settle.ts'

/** What is to be signed, and the device's part of it; absent where there should be a signature already. */
export type Completing = Prepared & { readonly share: string | undefined }

/**
 * The signature of a session: what members have, or what the shares of device and signers make. It leaves once t members have
 * it. Repeatable at any point: members answer the same shares again, and one signature follows from them.
 *
 * @param words the members' answers to the completion
 * @throws {WireError} what most say, or `UNAVAILABLE`, where shares or members are missing; `PRESIGNATURE_CONSUMED` if nobody
 *         has any; `MPC_SIGNING_FAILED` if they make no signature
 *
 * Source: docs/spec/gateway.md 4.5.
 */
export async function combineSession(
  gateway: Gateway,
  { id, keyId, share }: Completing,
  words: readonly Word[],
): Promise<CompleteSessionResponse> {
  const told = read(memberCompletion, words)
  const candidates = candidatesIn(gateway, words, told, share)
  const { digest, signatures } = candidates
  let refused = nothingToKeep(words, candidates, share)
  for (const signature of signatures) {
    const have = told.filter(({ answer }) => answer.signature === signature).map(({ index }) => index)
    const body: KeepSignatureRequest = { keyId, signature }
    const call = { method: 'POST', path: `/internal/sessions/${id}/signature`, body } as const
    const why = await hand(gateway, call, have)
    if (why === undefined) return { digest, signature }
    refused = why
  }
  throw refused
}

/** Whether these answers make a signature: then the others are not waited for. */
export function mayCombine({ sizes }: Gateway, words: readonly Word[]): boolean {
  return isDecided(sizes, read(memberCompletion, words))
}
