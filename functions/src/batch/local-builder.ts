import { type BatchOperation, WireError } from '@tandem/wire'
import { type BuildOperations, type BuildRequest, type BuiltOperation, naming } from './builder.ts'
import { account, encodeApprove, encodeCall, encodeSwap, encodeTransfer, type EncodedCall } from './calldata.ts'

/** Routers by chain id, as configured. */
export type SwapRouters = ReadonlyMap<number, readonly string[]>

/** EIP-1985: no chain accepts more gas than this. */
const MAX_GAS = 2n ** 63n - 1n

/** Several times what well-behaved tokens and pairs need; what is not used is not paid. Source: docs/spec/flows.md 15.2. */
const USUAL_GAS = { token: 100_000n, approve: 100_000n, swap: 350_000n }

/** One transaction for each operation, from its fields alone. */
export function localBuilder(routers: SwapRouters): BuildOperations {
  return (request) =>
    Promise.all(request.operations.map((one, index) => naming(index, () => built(routers, request, one, index))))
}

function built(routers: SwapRouters, request: BuildRequest, wanted: BatchOperation, operation: number): BuiltOperation {
  const usualGas = usualGasOf(wanted)
  return {
    operation,
    ...encoded(routers, request, wanted),
    ...(wanted.gasLimit === undefined ? {} : { gasLimit: gasOf(wanted.gasLimit) }),
    ...(usualGas === undefined ? {} : { usualGas }),
  }
}

function encoded(routers: SwapRouters, request: BuildRequest, wanted: BatchOperation): EncodedCall {
  if (wanted.type === 'transfer') return encodeTransfer(wanted)
  if (wanted.type === 'approve') return encodeApprove(wanted)
  if (wanted.type === 'call') return encodeCall(wanted)
  const { deadline = request.deadline } = wanted
  const router = routerOf(routers, request.chainId, wanted.router)
  return encodeSwap(wanted, { router, recipient: request.from, deadline })
}

/** Only what the operator has configured: a router gets an allowance, and then it has the tokens. */
function routerOf(routers: SwapRouters, chainId: number, asked: string | undefined): string {
  const known = (routers.get(chainId) ?? []).map((one) => account('router', one))
  const [first] = known
  if (first === undefined) throw new WireError('VALIDATION_FAILED', 'type: no router for swaps on this chain')
  if (asked === undefined) return first
  const router = account('router', asked)
  if (!known.includes(router)) throw new WireError('VALIDATION_FAILED', 'router: not one of the routers served here')
  return router
}

function usualGasOf(wanted: BatchOperation): bigint | undefined {
  if (wanted.type === 'transfer') return wanted.token === undefined ? undefined : USUAL_GAS.token
  return wanted.type === 'call' ? undefined : USUAL_GAS[wanted.type]
}

function gasOf(text: string): bigint {
  const gas = BigInt(text)
  if (gas > MAX_GAS) throw new WireError('VALIDATION_FAILED', 'gasLimit: too large')
  return gas
}
