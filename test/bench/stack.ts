import type { HttpAnswer, TandemClient, Wallet } from '@tandem/client'
import { parseEther } from 'ethers'
import { platformWith, startStackOver, type TestStack } from '../helpers/stack.ts'
import { percentile, progress, type Row } from './measure.ts'
import { type RecordingNode, recordingNode } from './recording-node.ts'

const WARM_UP = 10
const SIGNATURES = 120

/** Presignatures at a time: a dialogue for each batch. */
const BATCH = 30

/** Where the payments go: an account of the local node. */
const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

/**
 * What a device waits for `POST /api/v1/mpc/sign` on the local stack: functions, duo-node and Sigpair as processes, the
 * presignature consumed and the transaction stored, each with its disk flush; less the time the EVM node took.
 */
export async function stackRows(): Promise<Row[]> {
  progress('starting a local stack')
  const stack = await startStackOver(recordingNode)
  try {
    const times: number[] = []
    const device = timedDevice(stack, times)
    const wallet = await device.createWallet('Bench')
    await stack.chain.fund(wallet.address, parseEther('10'))
    await pay(stack, device, wallet, WARM_UP)
    times.length = 0
    for (let done = 0; done < SIGNATURES; done += BATCH) {
      progress(`signing over HTTP: ${done} of ${SIGNATURES}`)
      await pay(stack, device, wallet, BATCH)
    }
    if (times.length !== SIGNATURES) throw new Error(`${times.length} calls for ${SIGNATURES} signatures`)
    await device.close()
    return [
      { name: 'presign_http_sign_p50_ms', value: percentile(times, 50), unit: 'ms' },
      { name: 'presign_http_sign_p99_ms', value: percentile(times, 99), unit: 'ms' },
    ]
  } finally {
    await stack.stop()
  }
}

async function pay(
  { chainId }: TestStack<RecordingNode>,
  device: TandemClient,
  wallet: Wallet,
  count: number,
): Promise<void> {
  await device.fillPresignatures(wallet, count)
  for (let i = 0; i < count; i++) {
    await device.sendTransaction(wallet, { to: SHOP, value: 1n, chainId, how: 'presignature' })
  }
}

/** Appends to `times` what each signing took, in ms: from the request to the last byte of the answer. */
function timedDevice(stack: TestStack<RecordingNode>, times: number[]): TandemClient {
  const { line } = stack
  const platform = platformWith(async (url, request, pass) => {
    if (!url.endsWith('/api/v1/mpc/sign')) return pass(url, request)
    line.lap()
    const begun = performance.now()
    const answer = await pass(url, request)
    const text = await answer.text()
    times.push(performance.now() - begun - line.lap())
    return { status: answer.status, text: async () => text } satisfies HttpAnswer
  })
  return stack.device('bench', { platform })
}
