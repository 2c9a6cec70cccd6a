import { refresh } from '@tandem/ecdsa'
import { type CommitteeKey, fromHex, toHex, WireError } from '@tandem/wire'
import { erase } from '../../compute/erase.ts'
import type { RequestOf } from '../committee.ts'
import { coordinate, type Play, readyOf, throwRefusal } from './coordinate.ts'
import { orderOf } from './handover.ts'
import { stagedLimit, stagedOutcome } from './key-gen.ts'
import { attemptOf, readKey, requireCurrent, requireNext } from './keys.ts'
import { catchUp } from './catch-up.ts'
import type { Ready } from './messages.ts'
import type { Node } from './node.ts'
import type { Part } from './participate.ts'
import { type KeyRecord, keyOf, type ShareRecord } from './records.ts'
import { claimRequest, finishRequest, readRequest } from './requests.ts'
import type { Session } from './sessions.ts'
import { openShare } from './shares.ts'
import { runStaged } from './staged-run.ts'

/** New shares for the same members: all of them must be there. Source: docs/spec/committee.md 5.3. */
export const keyRefreshPart: Part = {
  async prepare(node, session) {
    const record = await readKey(node, session.keyId)
    const current = requireCurrent(record)
    return changing(node, session, record, current)
  },

  async run(node, session, { participants, attempt, ssid }) {
    const record = await readKey(node, session.keyId)
    const current = requireCurrent(record)
    const { members } = keyOf(current)
    const stageId = fromHex(session.id)
    if (participants.join() !== members.join()) throw new WireError('FORBIDDEN', 'participants')
    if (toHex(current.ssid) !== ssid || !record) throw new WireError('EPOCH_MISMATCH')
    requireNext(record, { attempt, stageId })
    requireAlone(node, session)
    await claimRequest(node, session)
    const share = await openShare(node, session.keyId, current)
    const staging = { protocol: 'refresh' as const, attempt, stageId, order: orderOf(current), members }
    const protocol = refresh({ share, stageId }, { ...node.arithmetic, sign: node.identity.sign })
    const of = { staging, places: members, current: current.ssid, concerned: members }
    await runStaged(node, session, protocol, of).finally(() => erase(share.secret))
    await finishRequest(node, session)
    return undefined
  },
}

/** What a member says before a run that changes its shares. A request that was acted on is answered by what it led to. */
export async function changing(
  node: Node,
  session: Session,
  record: KeyRecord | undefined,
  current: ShareRecord,
): Promise<Ready> {
  const attempt = attemptOf(record)
  const ssid = toHex(current.ssid)
  if ((await readRequest(node, session))?.done) return { attempt, ssid, key: keyOf(current) }
  requireAlone(node, session)
  return { attempt, ssid }
}

/** One change of a key at a time, here. @throws {WireError} `KEY_BUSY` */
export function requireAlone({ sessions }: Node, { id, keyId }: Session): void {
  const changes = [...sessions.running.values()].filter(
    (one) => one.keyId === keyId && one.id !== id && one.progress.started && one.operation !== 'keySign',
  )
  if (changes.length > 0) throw new WireError('KEY_BUSY')
}

export async function keyRefresh(node: Node, request: RequestOf<'keyRefresh'>): Promise<CommitteeKey> {
  const { keyId } = request.params
  const current = requireCurrent(await readKey(node, keyId))
  await coordinate(node, playOf(node, request, keyOf(current).members))
  return keyOf(requireCurrent(await readKey(node, keyId)))
}

function playOf(node: Node, request: RequestOf<'keyRefresh'>, members: readonly string[]): Play<'ready'> {
  return {
    request,
    limitMs: stagedLimit(node),
    decide(answers, hour) {
      throwRefusal(answers, members, hour)
      const ready = readyOf(answers)
      if (ready.get(node.self)?.key) return { kind: 'answer', answer: 'ready' }
      const all = members.flatMap((name) => ready.get(name) ?? [])
      if (all.length < members.length) return undefined
      const [ssid] = new Set(all.map((one) => one.ssid))
      if (all.some((one) => one.ssid !== ssid)) return catchUp(node, request.params.keyId)
      const attempt = Math.max(...all.map((one) => one.attempt)) + 1
      return { kind: 'plan', plan: { participants: [...members], attempt, ...(ssid ? { ssid } : {}) } }
    },
    outcome: (call) => stagedOutcome(node, call),
  }
}
