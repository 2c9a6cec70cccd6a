import type { HttpAnswer, TandemClient, Wallet } from '@tandem/client'
import { parseEther } from 'ethers'
import { platformWith, startTestStack, type TestStack } from '../helpers/stack.ts'
import { percentile, progress, type Row } from './measure.ts'

/** Devices that pay at the same time, each from its own wallet; the last is the most. */
const CLIENTS = [1, 16, 64] as const

/** Payments in each of these, however many devices share them. */
const PAYMENTS = 192

/** Wallets made at a time. */
const AT_A_TIME = 4

/** Dialogues that make one presignature each, of how many devices at a time. */
const DIALOGUES = 120
const PRESIGNERS = 8

const SHOP = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'

type Payer = { readonly device: TandemClient; readonly wallet: Wallet }

/**
 * What the services do when many devices come at once: whole payments with presignatures (prepare and sign, one HTTP call
 * each), and presign dialogues. Devices, services and the EVM node share this machine.
 */
export async function loadRows(): Promise<Row[]> {
  progress('starting a local stack')
  const stack = await startTestStack()
  try {
    const times: number[] = []
    const payers = await makePayers(stack, times)
    const rows: Row[] = []
    for (const clients of CLIENTS) rows.push(...(await payTogether(stack, payers.slice(0, clients), times)))
    rows.push(await presignTogether(payers.slice(0, PRESIGNERS)))
    for (const { device } of payers) await device.close()
    return rows
  } finally {
    await stack.stop()
  }
}

async function makePayers(stack: TestStack, times: number[]): Promise<Payer[]> {
  const count = CLIENTS.at(-1) ?? 0
  const payers: Payer[] = []
  const make = async () => {
    while (payers.length < count) {
      const at = payers.length
      const device = timedDevice(stack, `payer-${at}`, times)
      const slot = payers.push({ device, wallet: undefined as never }) - 1
      const wallet = await device.createWallet(`Wallet ${at}`)
      payers[slot] = { device, wallet }
      if (at % 16 === 0) progress(`making wallets: ${at} of ${count}`)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, make))
  // One after the other: they come from one account, in the order of its nonces.
  for (const { wallet } of payers) await stack.chain.fund(wallet.address, parseEther('10'))
  return payers
}

async function payTogether(stack: TestStack, payers: readonly Payer[], times: number[]): Promise<Row[]> {
  const each = PAYMENTS / payers.length
  progress(`${payers.length} devices: stocking ${each} presignatures each`)
  const batches = Array.from({ length: Math.ceil(each / STOCK) }, (_, at) => Math.min(STOCK, each - at * STOCK))
  let spent = 0
  times.length = 0
  for (const batch of batches) {
    for (const { device, wallet } of payers) await device.fillPresignatures(wallet, batch)
    progress(`${payers.length} devices: ${batch} payments each`)
    const begun = performance.now()
    await Promise.all(payers.map(async (payer) => payTimes(stack, payer, batch)))
    spent += performance.now() - begun
  }
  if (times.length !== PAYMENTS) throw new Error(`${times.length} calls for ${PAYMENTS} payments`)
  const clients = `${payers.length}_client${payers.length === 1 ? '' : 's'}`
  return [
    { name: `sign_http_p50_${clients}_ms`, value: percentile(times, 50), unit: 'ms' },
    { name: `sign_http_p99_${clients}_ms`, value: percentile(times, 99), unit: 'ms' },
    { name: `payments_${clients}`, value: (PAYMENTS * 1000) / spent, unit: 'per s' },
  ]
}

/** As many presignatures as a device keeps at most. */
const STOCK = 64

async function payTimes({ chainId }: TestStack, { device, wallet }: Payer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await device.sendTransaction(wallet, { to: SHOP, value: 1n, chainId, how: 'presignature' })
  }
}

/** One presignature a dialogue: what a ticket, a socket, a handshake, the rounds and the acknowledgements cost together. */
async function presignTogether(payers: readonly Payer[]): Promise<Row> {
  progress(`${payers.length} devices: ${DIALOGUES} presign dialogues`)
  const each = DIALOGUES / payers.length
  const begun = performance.now()
  await Promise.all(
    payers.map(async ({ device, wallet }) => {
      const stocked = device.presignaturesInStock(wallet)
      for (let i = 1; i <= each; i++) await device.fillPresignatures(wallet, stocked + i)
    }),
  )
  const seconds = (performance.now() - begun) / 1000
  return { name: 'presign_dialogues', value: DIALOGUES / seconds, unit: 'per s' }
}

/** Appends to `times` what each signing took, in ms, the EVM node's work included. */
function timedDevice(stack: TestStack, user: string, times: number[]): TandemClient {
  const platform = platformWith(async (url, request, pass) => {
    if (!url.endsWith('/api/v1/mpc/sign')) return pass(url, request)
    const begun = performance.now()
    const answer = await pass(url, request)
    const text = await answer.text()
    times.push(performance.now() - begun)
    return { status: answer.status, text: async () => text } satisfies HttpAnswer
  })
  return stack.device(user, { platform })
}
