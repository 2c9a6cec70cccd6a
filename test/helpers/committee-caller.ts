import { randomBytes } from 'node:crypto'
import {
  type CallerMethod,
  type CommitteeKey,
  type CommitteeSignature,
  committeeKey,
  committeeSignature,
  committeeStatus,
  type CommitteeStatus,
  fromHex,
  toHex,
} from '@tandem/wire'
import type { LocalCommittee, LocalNode } from '../../infra/local/src/stack/committee-stack.ts'
import { verifyTwice } from '../../infra/local/src/story/verify-twice.ts'
import { rpcParams, signRequest } from '../../sigpair/src/committee/caller.ts'
import { callAnyNode } from '../../sigpair/src/committee/rpc/rpc-client.ts'

/** The caller of a committee of processes, over JSON-RPC. Each call goes to one node, which coordinates. */
export type CommitteeCaller = {
  /** All nodes hold it. Without a `keyId`, a new one. */
  readonly keyGen: (at: LocalNode, threshold: number, keyId?: string) => Promise<CommitteeKey>
  /** @throws {Error} for a signature that one of two verifiers refuses */
  readonly sign: (at: LocalNode, key: CommitteeKey, message: string) => Promise<CommitteeSignature>
  readonly status: (at: LocalNode) => Promise<CommitteeStatus>
}

export function callerOf({ nodes, caller }: LocalCommittee): CommitteeCaller {
  const ask = async (at: LocalNode, method: CallerMethod, params: object) => {
    const request = signRequest(caller, { method, params }, Date.now())
    return (await callAnyNode([at.apiUrl], { method, params: rpcParams(request) })).result
  }
  return {
    async keyGen(at, threshold, keyId = toHex(randomBytes(32))) {
      const members = nodes.map(({ node }) => node)
      return committeeKey.parse(await ask(at, 'keyGen', { keyId, members, threshold }))
    },
    async sign(at, { keyId, publicKey }, message) {
      const payload = { kind: 'message', message }
      const signed = committeeSignature.parse(await ask(at, 'keySign', { keyId, payload }))
      requireGood(signed, publicKey)
      return signed
    },
    status: async (at) => committeeStatus.parse((await callAnyNode([at.apiUrl], { method: 'status' })).result),
  }
}

function requireGood({ signature, digest }: CommitteeSignature, publicKey: string): void {
  const { noble, second } = verifyTwice(fromHex(signature).slice(0, 64), fromHex(digest), fromHex(publicKey))
  if (!noble || !second) throw new Error('a signature that does not verify')
}
