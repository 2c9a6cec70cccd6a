import { keygen } from '@tandem/ecdsa'
import { keyId as toKeyId } from '@tandem/rounds'
import { type CommitteeKey, fromHex, utf8, WireError } from '@tandem/wire'
import { sha256 } from '../../crypto/hash.ts'
import type { RequestOf } from '../committee.ts'
import { coordinate, errorOf, failureOf, type Play, readyOf, throwRefusal } from './coordinate.ts'
import { tellCertificate } from './handover.ts'
import { readKey, requireCurrent, requireNext, takePending } from './keys.ts'
import type { Node } from './node.ts'
import type { Part } from './participate.ts'
import { keyOf } from './records.ts'
import type { Session } from './sessions.ts'
import { indexOf } from './shares.ts'
import { runStaged } from './staged-run.ts'

type Request = RequestOf<'keyGen'>

/** Source: docs/spec/committee.md 5.1. */
export const keyGenPart: Part = {
  async prepare(node, session) {
    const { members, threshold } = (session.request as Request).params
    if (threshold > members.length) throw new WireError('VALIDATION_FAILED', 'threshold')
    if (!members.includes(node.self)) throw new WireError('VALIDATION_FAILED', 'members: not this node')
    const { attempt, current, certified } = await takePending(node, session.keyId, session.id)
    const ready = { attempt: Math.max(attempt, certified?.attempt ?? 0) }
    if (!current) return ready
    await tellCertificate(node, session.keyId, session.coordinator)
    return { ...ready, key: keyOf(current) }
  },

  async run(node, session, { participants, attempt }) {
    const request = session.request as Request
    const { members, threshold } = request.params
    if (participants.join() !== members.join()) throw new WireError('FORBIDDEN', 'participants')
    const stageId = fromHex(session.id)
    const record = await readKey(node, session.keyId)
    if (record?.pending?.sessionId !== session.id) throw new WireError('KEY_PENDING')
    requireNext(record, { attempt, stageId })
    const self = indexOf(members, node.self)
    const identities = members.map(fromHex)
    const setup = { keyId: runKeyId(session), self, threshold, identities }
    const staging = { protocol: 'keygen' as const, attempt, stageId, order: request, members }
    const protocol = keygen(setup, { ...node.arithmetic, sign: node.identity.sign })
    await runStaged(node, session, protocol, { staging, places: members, current: undefined, concerned: members })
    return undefined
  },
}

/** A failed run is never repeated under the same id. */
function runKeyId({ id, keyId }: Session) {
  return toKeyId(sha256(Uint8Array.of(...utf8('tandem/committee-key/v1\n'), ...fromHex(keyId), ...fromHex(id))))
}

export async function keyGen(node: Node, request: Request): Promise<CommitteeKey> {
  const { keyId, members } = request.params
  if (!members.includes(node.self)) throw new WireError('VALIDATION_FAILED', 'members: not this node')
  try {
    await coordinate(node, playOf(node, request))
  } catch (error) {
    // The certificate of an earlier run may have come in the meantime: then the key is there.
    if (!(await readKey(node, keyId))?.current) throw error
  }
  return keyOf(requireCurrent(await readKey(node, keyId)))
}

function playOf(node: Node, request: Request): Play<'ready'> {
  const { members } = request.params
  return {
    request,
    limitMs: stagedLimit(node),
    decide(answers, hour) {
      throwRefusal(answers, members, hour)
      const ready = readyOf(answers)
      if (ready.get(node.self)?.key) return { kind: 'answer', answer: 'ready' }
      const all = members.flatMap((name) => ready.get(name) ?? [])
      // Whoever has the key has sent us its certificate: we adopt it, or have lost our share of it.
      if (all.some(({ key }) => key)) {
        if (hour === 'last') throw new WireError('INVALID_KEY_SHARE', 'this node has lost its share')
        return undefined
      }
      if (all.length < members.length) return undefined
      const attempt = Math.max(...all.map((one) => one.attempt)) + 1
      return { kind: 'plan', plan: { participants: members, attempt } }
    },
    outcome: (call) => stagedOutcome(node, call),
  }
}

/** Rounds, rehearsals and the certificate. */
export function stagedLimit({ timing }: Node): number {
  return Math.min(8 * timing.roundMs + timing.readyMs, timing.leaseMs)
}

/** In force here, or broken here: our own run says it, or somebody else's why ours will not end. */
export function stagedOutcome(node: Node, call: Parameters<Play<'ready'>['outcome']>[0]): 'ready' | undefined {
  if (call.outcomes.get(node.self)?.type === 'done') return 'ready'
  const failure = failureOf(call, node.self)
  if (failure) throw errorOf(failure)
  return undefined
}
