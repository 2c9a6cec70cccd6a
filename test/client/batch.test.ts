import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type BatchOperationsResponse, fromHex, toHex, type UnsignedOp, type UnsignedTx } from '@tandem/wire'
import { computeAddress, getAddress, Interface, SigningKey, Transaction } from 'ethers'
import * as fc from 'fast-check'
import { approveBatch, type BatchRequest, checkSigned } from '../../shared/client/src/wallet/batch-check.ts'
import { encodeOperation, type Operation, toWire } from '../../shared/client/src/wallet/operation.ts'
import { transactionDigest } from '../../shared/client/src/wallet/transaction.ts'
import { batchOperation } from '../../shared/wire/src/api-batch.ts'

const KEY = new SigningKey(`0x${'77'.repeat(32)}`)
const WALLET = computeAddress(KEY)
const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const [TOKEN, OTHER, ROUTER] = ['11', '22', '33'].map((byte) => getAddress(`0x${byte.repeat(20)}`)) as [
  string,
  string,
  string,
]
const swap = { type: 'swap', router: ROUTER, tokenIn: TOKEN, tokenOut: OTHER, deadline: 1_900_000_000 } as const
const operations: readonly Operation[] = [
  { type: 'transfer', to: SHOP, amount: 10n },
  { type: 'transfer', to: SHOP, amount: 11n, token: TOKEN },
  { type: 'approve', token: TOKEN, spender: ROUTER, amount: 12n, gasLimit: 50_000n },
  { ...swap, amountIn: 12n, minAmountOut: 9n },
  { type: 'call', to: TOKEN, value: 1n, data: '0xABCDEF' },
]
const request: BatchRequest = { chainId: 31337, operations }

/** What an honest backend makes of it. */
function built(change: (op: UnsignedOp, i: number) => Partial<UnsignedOp> = () => ({})): BatchOperationsResponse {
  const unsignedOps = operations.map((operation, index): UnsignedOp => {
    const { to, value, data } = encodeOperation(operation, WALLET)
    const gasLimit = String(operation.gasLimit ?? 100_000n)
    const fees = { maxPriorityFeePerGas: '1', maxFeePerGas: '10', gasLimit }
    const unsignedTx: UnsignedTx = {
      type: 'eip1559',
      chainId: 31337,
      nonce: 7 + index,
      ...fees,
      to,
      value: `${value}`,
      data,
    }
    return withDigest({ index, operation: index, unsignedTx, sessionId: `ses_${'abcdef'[index]!.repeat(22)}` })
  })
  const changed = unsignedOps.map((op, i) => ({ ...op, ...change(op, i) }))
  return { batchId: `bat_${'a'.repeat(22)}`, unsignedOps: changed, expiresAt: 1_900_000_000 }
}

function withDigest(op: Pick<UnsignedOp, 'index' | 'operation' | 'unsignedTx' | 'sessionId'>): UnsignedOp {
  return { ...op, digest: toHex(transactionDigest(op.unsignedTx)), rhoS: `0x${'05'.repeat(32)}`, path: [] }
}

/** Operation 3 with another transaction, whose digest is right. */
const instead = (change: Partial<UnsignedTx>) =>
  built((op, i) => (i === 3 ? withDigest({ ...op, unsignedTx: { ...op.unsignedTx, ...change } }) : {}))

test('what was asked for is approved, with digests computed here', async () => {
  const prepared = built()
  const approved = await approveBatch(request, WALLET, prepared)
  expect(approved.map(({ digest }) => toHex(digest))).toEqual(prepared.unsignedOps.map(({ digest }) => digest))
  expect(approved[2]).toMatchObject({
    sessionId: prepared.unsignedOps[2]!.sessionId,
    path: [],
    rhoS: expect.any(Uint8Array),
  })
})

test('operations are encoded as ethers encodes them, and cross the wire in its schema', () => {
  const abi = new Interface([
    'function transfer(address,uint256)',
    'function approve(address,uint256)',
    'function swapExactTokensForTokens(uint256,uint256,address[],address,uint256)',
  ])
  const amount = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
  const account = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => getAddress(toHex(bytes)))
  const law = fc.property(account, account, amount, amount, (a, b, x, y) => {
    const encode = (operation: Operation) => {
      expect(batchOperation.safeParse(toWire(operation)).success).toBe(true)
      return encodeOperation(operation, WALLET)
    }
    const transfer = encode({ type: 'transfer', to: a, amount: x, token: b })
    expect(transfer).toEqual({ to: b, value: 0n, data: abi.encodeFunctionData('transfer', [a, x]) })
    const approve = encode({ type: 'approve', spender: a, amount: x, token: b })
    expect(approve).toEqual({ to: b, value: 0n, data: abi.encodeFunctionData('approve', [a, x]) })
    const swapped = encode({ ...swap, tokenIn: a, tokenOut: b, amountIn: x, minAmountOut: y, gasLimit: x })
    const data = abi.encodeFunctionData('swapExactTokensForTokens', [x, y, [a, b], WALLET, swap.deadline])
    expect(swapped).toEqual({ to: ROUTER, value: 0n, data })
    expect(encode({ type: 'transfer', to: a, amount: x })).toEqual({ to: a, value: x, data: '0x' })
  })
  fc.assert(law, { numRuns: 50, seed: 7 })
})

test.each<readonly [string, Operation]>([
  ['a wrong checksum', { type: 'transfer', to: SHOP.replace('C5', 'c5'), amount: 1n }],
  ['less than nothing', { type: 'approve', token: TOKEN, spender: SHOP, amount: -1n }],
  ['more than 256 bits', { type: 'call', to: TOKEN, value: 2n ** 256n, data: '0x' }],
  ['a router that is no address', { ...swap, router: '0x12', amountIn: 1n, minAmountOut: 1n }],
])('%s is refused before anybody is asked', (_, operation) => {
  expect(() => encodeOperation(operation, WALLET)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
})

const word = (at: number, value: bigint) => {
  const { data } = encodeOperation(operations[3]!, WALLET)
  const from = 10 + 64 * at
  return data.slice(0, from) + value.toString(16).padStart(64, '0') + data.slice(from + 64)
}
const mallory = BigInt(`0x${'66'.repeat(20)}`)

const changes: readonly (readonly [string, BatchOperationsResponse])[] = [
  ['another router', instead({ to: OTHER })],
  ['a value', instead({ value: '1' })],
  ['more to pay', instead({ data: word(0, 13n) })],
  ['less to get', instead({ data: word(1, 8n) })],
  ['another recipient', instead({ data: word(3, mallory) })],
  ['a later deadline', instead({ data: word(4, 2_000_000_000n) })],
  ['another token to pay', instead({ data: word(6, mallory) })],
  ['another token to get', instead({ data: word(7, mallory) })],
  ['more calldata', instead({ data: `${word(0, 12n)}00` })],
  ['another gas limit than was given', built((op, i) => (i === 2 ? other(op, { gasLimit: '50001' }) : {}))],
  ['one operation less', { ...built(), unsignedOps: built().unsignedOps.slice(0, 4) }],
  ['an operation twice', { ...built(), unsignedOps: twice(built().unsignedOps) }],
]

function other(op: UnsignedOp, change: Partial<UnsignedTx>): UnsignedOp {
  return withDigest({ ...op, unsignedTx: { ...op.unsignedTx, ...change } })
}

function twice(ops: readonly UnsignedOp[]): UnsignedOp[] {
  const last = ops.at(-1)!
  const unsignedTx = { ...last.unsignedTx, nonce: last.unsignedTx.nonce + 1 }
  return [...ops, withDigest({ ...last, index: ops.length, unsignedTx, sessionId: `ses_${'z'.repeat(22)}` })]
}

test.each(changes)('%s is refused, unless the app approves of it', async (_, prepared) => {
  await expect(approveBatch(request, WALLET, prepared)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
  const no = { ...request, approve: () => false }
  await expect(approveBatch(no, WALLET, prepared)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
  const seen: unknown[] = []
  const yes = { ...request, approve: async (ops: readonly UnsignedOp[]) => seen.push(ops) > 0 }
  expect(await approveBatch(yes, WALLET, prepared)).toHaveLength(prepared.unsignedOps.length)
  expect(seen).toEqual([prepared.unsignedOps])
})

const never: readonly (readonly [string, BatchOperationsResponse])[] = [
  ['a digest of something else', built((_, i) => (i === 1 ? { digest: `0x${'00'.repeat(32)}` } : {}))],
  ['another chain', instead({ chainId: 1 })],
  ['a fee beyond the bound', instead({ maxFeePerGas: `${10n ** 13n}` })],
  ['a nonce out of order', instead({ nonce: 8 })],
  ['another path', built((_, i) => (i === 1 ? { path: [1] } : {}))],
  ['a session twice', built((_, i) => (i === 1 ? { sessionId: `ses_${'a'.repeat(22)}` } : {}))],
  ['operations in another order', built((_, i) => ({ operation: 4 - i }))],
  ['an index that is not its place', built((_, i) => (i === 1 ? { index: 2 } : {}))],
  ['an operation nobody asked for', built((_, i) => (i === 4 ? { operation: 5 } : {}))],
]

test.each(never)('%s is refused, whatever the app says', async (_, prepared) => {
  const yes = { ...request, approve: () => true }
  await expect(approveBatch(yes, WALLET, prepared)).rejects.toMatchObject({ code: 'ANSWER_REFUSED' })
})

test('what was signed is checked before it is sent', async () => {
  const prepared = built()
  const approved = await approveBatch(request, WALLET, prepared)
  const signedBy = (key: SigningKey, { unsignedTx, sessionId, index }: UnsignedOp) => {
    const { type: _, ...fields } = unsignedTx
    const tx = Transaction.from({ ...fields, type: 2 })
    tx.signature = key.sign(tx.unsignedHash)
    return { index, sessionId, signedTx: tx.serialized, txHash: tx.hash! }
  }
  const publicKey = fromHex(KEY.compressedPublicKey)
  const signed = prepared.unsignedOps.map((op) => signedBy(KEY, op))
  expect(() => checkSigned(approved, publicKey, signed)).not.toThrow()

  const stranger = new SigningKey(toHex(secp256k1.utils.randomSecretKey(new Uint8Array(48).fill(9))))
  const foreign = signedBy(stranger, prepared.unsignedOps[1]!)
  const unsigned = Transaction.from(signed[1]!.signedTx).unsignedSerialized
  for (const wrong of [
    signed.slice(1),
    signed.with(1, signed[2]!),
    signed.with(1, foreign),
    signed.with(1, { ...signed[1]!, signedTx: unsigned }),
    signed.with(1, { ...signed[1]!, signedTx: '0x02' }),
    signed.with(1, { ...signed[1]!, txHash: signed[2]!.txHash }),
  ]) {
    expect(() => checkSigned(approved, publicKey, wrong)).toThrow(expect.objectContaining({ code: 'ANSWER_REFUSED' }))
  }
})
