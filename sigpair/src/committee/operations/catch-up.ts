import { askAround, tellCertificate } from './handover.ts'
import { readKey } from './keys.ts'
import type { Node } from './node.ts'
import { nameOf } from './records.ts'

/** Members hold shares of different runs: whoever is behind is told, us included. The next answers will agree. */
export function catchUp(node: Node, keyId: string): undefined {
  void bringTogether(node, keyId).catch((cause: unknown) => node.log.warn({ event: 'committee.catch-up', cause }))
  return undefined
}

async function bringTogether(node: Node, keyId: string): Promise<void> {
  await tellCertificate(node, keyId)
  await askAround(node, 'undecided')
  const record = await readKey(node, keyId)
  if (record?.certified) node.post.broadcast({ type: 'ask', keyId: record.keyId, ...nameOf(record.certified) })
}
