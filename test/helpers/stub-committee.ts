import { createLog, handle, listen, type Serving } from '@tandem/service'
import { type CallerRequest, type CommitteeKey, type CommitteeStatus, fromHex, toHex } from '@tandem/wire'
import type { Committee } from '../../sigpair/src/committee/committee.ts'
import { rpcRoutes } from '../../sigpair/src/committee/rpc/rpc-http.ts'

export const STUB_NODES = [1, 2, 3].map((n) => toHex(new Uint8Array(32).fill(n)))
export const STUB_KEY = toHex(new Uint8Array(32).fill(0xab))

export const READY_KEY: CommitteeKey = {
  keyId: STUB_KEY,
  keySessionId: toHex(new Uint8Array(32).fill(0xcd)),
  status: 'READY',
  epoch: 0,
  members: STUB_NODES,
  threshold: 2,
  publicKey: toHex(Uint8Array.of(2, ...fromHex(STUB_KEY))),
  chainCode: toHex(new Uint8Array(32).fill(0x22)),
  address: toHex(new Uint8Array(20).fill(0x33)),
}

/** For tests of what is in front of a committee: `act` is its every operation. */
export function stubCommittee(
  act: (request: CallerRequest) => Promise<CommitteeKey>,
  status: () => Promise<CommitteeStatus>,
): Committee {
  return {
    keyGen: act,
    keyRefresh: act,
    keyReshare: act,
    keySign: async (request) => {
      const { keyId, members } = await act(request)
      return { keyId, digest: keyId, signature: toHex(new Uint8Array(65)), signers: members.slice(0, 2) }
    },
    keyDelete: async (request) => {
      const { keyId, members } = await act(request)
      return { keyId, acknowledged: members, missing: [], purgeAt: 1_800_000_000 }
    },
    status,
    close: async () => undefined,
  }
}

/** The API of a node, without the node. */
export async function serveApi(committee: Committee): Promise<Serving & { readonly url: string }> {
  const log = createLog({ name: 'test', level: 'silent' })
  const health = {
    method: 'GET',
    path: '/health/live',
    maxBytes: undefined,
    run: async () => ({ status: 200 }),
  } as const
  const routes = [...rpcRoutes(committee), health]
  const http = await listen(handle(routes, { log, hosts: ['127.0.0.1'] }), {
    name: 'a test',
    host: '127.0.0.1',
    port: 0,
  })
  return { ...http, url: `http://127.0.0.1:${http.port}` }
}
