import { decodeStage } from '@tandem/ecdsa'
import { arithmetic } from '../compute/arithmetic.ts'
import { erase, eraseStage } from '../compute/erase.ts'
import type { AbortFacts, Entry } from '../compute/port-messages.ts'
import { stageKey } from '../keys/stage-store.ts'
import { recordCheck } from './operation.ts'
import type { Stores } from '../stores.ts'

/** Runs that end without a verdict on anybody: what is staged may be on its way into the device's store, and stays. */
const UNDECIDED: readonly AbortFacts['code'][] = ['SILENT_PEER', 'CANCELLED']

export function isDecided({ code }: AbortFacts): boolean {
  return !UNDECIDED.includes(code)
}

/** What key generation and refresh record on their way: the stage, and the OT check of the rehearsal on it. */
export type StageRecorder = {
  readonly record: (entry: Entry) => Promise<void>
  /** of the staged epoch, once it is durable: it names the pair */
  readonly ssid: () => Uint8Array | undefined
}

/** Spec: keygen 3.2, refresh 3.1. */
export function recordStage(stores: Stores, keyId: string, stageId: Uint8Array): StageRecorder {
  let ssid: Uint8Array | undefined
  return {
    ssid: () => ssid,
    record: async (entry) => {
      if (entry.entry === 'store' && entry.name === 'stage') ssid = await makeDurable(stores, stageId, entry.bytes)
      else if (ssid && (entry.entry === 'open' || entry.entry === 'pass'))
        await recordCheck(stores, { keyId, ssid }, entry)
      else throw new Error(`a stage records no ${entry.entry}`)
    },
  }
}

async function makeDurable(stores: Stores, stageId: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const stage = decodeStage(arithmetic().backend, bytes)
  try {
    await stageKey(stores, { stageId, ...stage, certificate: [] })
    return stage.share.ssid
  } finally {
    erase(bytes)
    eraseStage(stage)
  }
}
