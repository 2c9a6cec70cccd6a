import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Params = Readonly<Record<string, unknown>>

/** Stands where an Orby instance is and speaks what Orb Labs' public examples speak. */
export type OrbyServer = {
  readonly url: string
  /** methods with their parameters, in order; the path they came to */
  readonly calls: { readonly path: string; readonly method: string; readonly params: Params }[]
  /** what an honest plan becomes */
  plan: (steps: readonly Params[], params: Params) => unknown
  /** where operations are planned */
  nodeUrl: () => string
  readonly close: () => Promise<void>
}

/** The whole operation, as one transaction. */
export const honestPlan = (steps: readonly Params[]) => ({
  status: 'SUCCESS',
  intents: [{ intentOperations: steps, inputState: {}, outputState: {} }],
  aggregateEstimatedTimeInMs: 1_000,
})

export async function startOrby(): Promise<OrbyServer> {
  let entry: Params = {}
  const results: Readonly<Record<string, (params: Params) => unknown>> = {
    orby_createAccountCluster: ({ accounts }) => ({ accountClusterId: 'cluster-1', id: 'cluster-1', accounts }),
    orby_getVirtualNodeRpcUrl: (params) => {
      entry = params
      return { virtualNodeRpcUrl: server.nodeUrl() }
    },
    orby_getOperationsToExecuteTransaction: (params) => {
      const { to, data, value } = params
      const { chainId, entrypointAccountAddress: from } = entry
      const step = { type: 'FINAL_TRANSACTION', format: 'TRANSACTION', from, to, data, value, chainId, nonce: '99' }
      return server.plan([{ ...step, gasLimit: '0x1d4c0', maxFeePerGas: '0x1', txRpcUrl: 'http://x' }], params)
    },
  }
  const http = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const { method, params } = JSON.parse(Buffer.concat(chunks).toString()) as { method: string; params: [Params] }
      server.calls.push({ path: req.url ?? '', method, params: params[0] })
      const result = results[method]?.(params[0])
      const answer = result === undefined ? { error: { code: -32601, message: 'secret reason' } } : { result }
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...answer }))
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const server: OrbyServer = {
    url: `${base}/private-key`,
    calls: [],
    plan: honestPlan,
    nodeUrl: () => `${base}/node/1`,
    close: async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  return server
}
