import type { HttpAnswer, Operation } from '@tandem/client'
import { parseEther } from 'ethers'
import { platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'
import { median, progress, type Row } from './measure.ts'

const OPERATIONS = 50
const WARM_UP = 1
const BATCHES = 5

/** Where the payments go: an account of the local node. */
const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

/** The requests of a batch, by the row they fill. */
const REQUESTS = {
  batch_50_prepare_ms: /\/batch\/operations$/,
  batch_50_sign_ms: /\/batch-sign$/,
  batch_50_execute_ms: /\/execute$/,
} as const

type RowName = keyof typeof REQUESTS

/**
 * What a device waits for each request of a batch of fifty payments on the local stack: all of it prepared, signed, sent. The
 * presignatures were made before; the node's time is in it.
 */
export async function batchRows(): Promise<Row[]> {
  progress('starting a local stack for batches')
  const stack = await startTestStack()
  try {
    const times: Record<RowName, number[]> = { batch_50_prepare_ms: [], batch_50_sign_ms: [], batch_50_execute_ms: [] }
    await sendBatches(stack, times)
    return (Object.keys(REQUESTS) as RowName[]).map((name) => ({
      name,
      value: median(times[name].slice(WARM_UP)),
      unit: 'ms',
    }))
  } finally {
    await stack.stop()
  }
}

async function sendBatches(stack: TestStack, times: Readonly<Record<RowName, number[]>>): Promise<void> {
  const device = timedDevice(stack, times)
  const wallet = await device.createWallet('Bench')
  await stack.chain.fund(wallet.address, parseEther('10'))
  const operations = Array.from({ length: OPERATIONS }, (): Operation => ({ type: 'transfer', to: SHOP, amount: 1n }))
  for (let i = 0; i < WARM_UP + BATCHES; i++) {
    progress(`batches of ${OPERATIONS}: ${i} of ${WARM_UP + BATCHES}`)
    const sent = await device.sendBatch(wallet, { chainId: stack.chainId, operations })
    await sent.wait()
  }
  await device.close()
}

function timedDevice(stack: TestStack, times: Readonly<Record<RowName, number[]>>) {
  const platform = platformWith(async (url, request, pass) => {
    const begun = performance.now()
    const answer = await pass(url, request)
    const text = await answer.text()
    const row = (Object.keys(REQUESTS) as RowName[]).find((name) => REQUESTS[name].test(url))
    if (row !== undefined && answer.status === 200) times[row].push(performance.now() - begun)
    return { status: answer.status, text: async () => text } satisfies HttpAnswer
  })
  return stack.device('bench', { platform })
}
