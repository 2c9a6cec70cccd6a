import type { CommitteeStatus } from '@tandem/wire'
import { allKeys } from './keys.ts'
import type { NodeName } from '../network.ts'
import type { Node } from './node.ts'
import { keyOf } from './records.ts'
import type { Session } from './sessions.ts'

/** What an operator looks at when something hangs. Source: docs/spec/committee.md, section 9. */
export async function statusOf(node: Node): Promise<CommitteeStatus> {
  const links = node.network.links()
  const peers = node.network.peers.map(({ name, label }) => {
    const { connected = false, since = 0, heard = 0 } = links.get(name) ?? {}
    return { node: name, label, connected, since, heard }
  })
  const keys = await keysOf(node)
  const sessions = [...node.sessions.running.values()].map((session) => sessionOf(node, keys, session))
  return { node: node.self, peers, keys, sessions, faults: node.faults.map(faultOf) }
}

async function keysOf(node: Node): Promise<CommitteeStatus['keys']> {
  const keys: CommitteeStatus['keys'] = []
  for await (const { keyId, status, current, stages, certified } of allKeys(node)) {
    const share = current ?? stages.at(-1)
    // Who has left a key has nothing to say of it.
    if (!share && certified) continue
    const { epoch, threshold, members } = share ? keyOf(share) : { epoch: 0, threshold: 0, members: [] }
    keys.push({ keyId, status, epoch, threshold, members: [...members] })
  }
  return keys
}

function sessionOf(node: Node, keys: CommitteeStatus['keys'], session: Session): CommitteeStatus['sessions'][number] {
  const { id, keyId, operation, coordinator, since, progress } = session
  const { started, round, waitingFor } = progress
  const answered = node.calls.get(id)?.answers
  const silent = answered ? askedIn(keys, session).filter((name) => !answered.has(name)) : [coordinator]
  return {
    ...{ sessionId: id, keyId, operation, coordinator, since },
    ...(started ? { round, waitingFor: [...waitingFor] } : { round: 0, waitingFor: silent }),
  }
}

/** Everybody hears a command, and those who have, or will have, a share answer. */
function askedIn(keys: CommitteeStatus['keys'], { keyId, request: { params } }: Session): NodeName[] {
  const members = keys.find((key) => key.keyId.toLowerCase() === keyId)?.members ?? []
  return [...new Set([...members, ...('members' in params ? params.members : [])])]
}

function faultOf({ culprits, ...fault }: Node['faults'][number]): CommitteeStatus['faults'][number] {
  return { ...fault, culprits: [...culprits] }
}
