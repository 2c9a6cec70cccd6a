import { cloudPublicKeyResponse, WireError } from '@tandem/wire'
import { refusal } from './agree.ts'
import type { Gateway } from './gateway.ts'
import type { Word } from './member-call.ts'
import { read } from './said.ts'

/**
 * The keys a device pins. They are this gateway's configuration, so that they can be had while a member is away; a member that
 * has others is not the one that is meant.
 *
 * @throws {WireError} what most say, unless somebody confirms it
 *
 * Source: docs/spec/gateway.md 1.3.
 */
export function identify({ committee, log }: Gateway, words: readonly Word[]): object {
  const told = read(cloudPublicKeyResponse, words)
  const confirmed = told.filter(({ index, answer }) => {
    const pinned = committee.nodes[index - 1]
    return pinned?.publicKey === answer.publicKey.toLowerCase() && pinned.identity === answer.identity.toLowerCase()
  })
  for (const { index } of told.filter((one) => !confirmed.includes(one))) log.error({ event: 'other-member', index })
  const [lowest] = confirmed
  const [first] = committee.nodes
  if (lowest === undefined || first === undefined) throw told.length > 0 ? new WireError('INTERNAL') : refusal(words, 0)
  return { ...first, keyVersion: lowest.answer.keyVersion, committee }
}
