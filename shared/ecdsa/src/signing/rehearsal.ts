import { type PartyIndex, partyIndex } from '@tandem/rounds'
import { committeeOf, deviceOf, type Sharing } from '../sharing.ts'

/**
 * Signer sets of a new key, few and such that every two parties are in one of them: a presign by each shows that every pair
 * works, before the key comes into force. A pair that does not would look like a cheat later.
 *
 * Source: docs/spec/keygen.md, section B.
 */
export function rehearsalQuorums(sharing: Sharing): PartyIndex[][] {
  const device = deviceOf(sharing)
  const quorums = quorumsOfNodes(committeeOf(sharing))
  // every node is in one of them, and so meets the device
  return device === null ? quorums : quorums.map((nodes) => [...nodes, device])
}

function quorumsOfNodes({ threshold, parties }: Sharing): PartyIndex[][] {
  const everyone = Array.from({ length: parties }, (_, i) => partyIndex(i + 1))
  const met = new Set<string>()
  const isNew = (i: PartyIndex, j: PartyIndex) => !met.has(pairOf(i, j))
  const quorums: PartyIndex[][] = []
  for (const i of everyone) {
    for (const j of everyone.filter((other) => other > i)) {
      if (!isNew(i, j)) continue
      const quorum = filledUp([i, j], threshold, everyone, isNew)
      for (const a of quorum) for (const b of quorum) met.add(pairOf(a, b))
      quorums.push(quorum.toSorted((a, b) => a - b))
    }
  }
  return quorums
}

/** Adds, one by one, who meets most of the others for the first time. */
function filledUp(
  start: readonly PartyIndex[],
  size: number,
  everyone: readonly PartyIndex[],
  isNew: (i: PartyIndex, j: PartyIndex) => boolean,
): readonly PartyIndex[] {
  if (start.length >= size) return start
  const others = everyone.filter((k) => !start.includes(k))
  const meetings = (k: PartyIndex) => start.filter((i) => isNew(i, k)).length
  const best = others.reduce((a, b) => (meetings(b) > meetings(a) ? b : a))
  return filledUp([...start, best], size, everyone, isNew)
}

function pairOf(i: PartyIndex, j: PartyIndex): string {
  return i < j ? `${i} ${j}` : `${j} ${i}`
}
