import { askAbout, tellCertificate } from './handover.ts'
import { readKey } from './keys.ts'
import type { Node } from './node.ts'

/** Members hold shares of different runs: whoever is behind is told, us included. The next answers will agree. */
export function catchUp(node: Node, keyId: string): undefined {
  void bringTogether(node, keyId).catch((cause: unknown) => node.log.warn({ event: 'committee.catch-up', cause }))
  return undefined
}

async function bringTogether(node: Node, keyId: string): Promise<void> {
  await tellCertificate(node, keyId)
  const record = await readKey(node, keyId)
  if (record) askAbout(node, record)
}
