import type { CommitteeStatus } from '@tandem/wire'
import { allKeys } from './keys.ts'
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
  const sessions = [...node.sessions.running.values()].map((session) => sessionOf(node, session))
  return { node: node.self, peers, keys: await keysOf(node), sessions, faults: node.faults.map(faultOf) }
}

async function keysOf(node: Node): Promise<CommitteeStatus['keys']> {
  const keys: CommitteeStatus['keys'] = []
  for await (const { keyId, status, current, stages, certified } of allKeys(node)) {
    const share = current ?? stages.at(-1)
    // Who has left a key has nothing to say of it.
    if (!share && certified) continue
    const { epoch, threshold, members } = share
      ? keyOf(share)
      : { epoch: 0, threshold: 2, members: [node.self, node.self] }
    keys.push({ keyId, status, epoch, threshold, members: [...members] })
  }
  return keys
}

function sessionOf(
  node: Node,
  { id, keyId, operation, coordinator, since, progress }: Session,
): CommitteeStatus['sessions'][number] {
  const { started, round, waitingFor } = progress
  const answered = node.calls.get(id)?.answers
  const silent = answered
    ? node.network.peers.map(({ name }) => name).filter((name) => !answered.has(name))
    : [coordinator]
  return {
    ...{ sessionId: id, keyId, operation, coordinator, since },
    ...(started ? { round, waitingFor: [...waitingFor] } : { round: 0, waitingFor: silent }),
  }
}

function faultOf({ culprits, ...fault }: Node['faults'][number]): CommitteeStatus['faults'][number] {
  return { ...fault, culprits: [...culprits] }
}
