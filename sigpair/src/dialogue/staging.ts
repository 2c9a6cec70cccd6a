import { decodeStage } from '@tandem/ecdsa'
import type { PartyIndex } from '@tandem/rounds'
import { arithmetic } from '../compute/arithmetic.ts'
import { erase, eraseStage } from '../compute/erase.ts'
import type { AbortFacts, Entry } from '../compute/port-messages.ts'
import { type PairOf, pairsOf } from '../keys/peer-pairs.ts'
import { stageKey } from '../keys/stage-store.ts'
import type { EpochRecord } from '../records.ts'
import { type OperationDeps, recordCheck } from './operation.ts'
import { DEVICE } from '../parties.ts'
import type { Stores } from '../stores.ts'

/** Runs that end without a verdict on anybody: what is staged may be on its way into the device's store, and stays. */
const UNDECIDED: readonly AbortFacts['code'][] = ['SILENT_PEER', 'CANCELLED']

export function isDecided({ code }: AbortFacts): boolean {
  return !UNDECIDED.includes(code)
}

/** Whose pairs a verdict on a new epoch is about: the culprits'; in a pair, the device's. */
export function blamedFor({ member }: Pick<OperationDeps, 'member'>, { culprits }: AbortFacts): readonly PartyIndex[] {
  return member ? culprits : [DEVICE]
}

/** What key generation and refresh record on their way: the stage, and the OT checks of the rehearsal on it. */
export type StageRecorder = {
  readonly record: (entry: Entry) => Promise<void>
  /** of the staged epoch, once it is durable */
  readonly pairOf: () => PairOf | undefined
}

/** Spec: keygen 3.2, refresh 3.1. */
export function recordStage(stores: Stores, keyId: string, stageId: Uint8Array): StageRecorder {
  let pairOf: PairOf | undefined
  return {
    pairOf: () => pairOf,
    record: async (entry) => {
      if (entry.entry === 'store' && entry.name === 'stage') {
        pairOf = pairsOf(keyId, await makeDurable(stores, stageId, entry.bytes))
      } else if (pairOf && (entry.entry === 'open' || entry.entry === 'pass')) await recordCheck(stores, pairOf, entry)
      else throw new Error(`a stage records no ${entry.entry}`)
    },
  }
}

async function makeDurable(stores: Stores, stageId: Uint8Array, bytes: Uint8Array): Promise<EpochRecord> {
  const stage = decodeStage(arithmetic().backend, bytes)
  try {
    return await stageKey(stores, { stageId, ...stage, certificate: [] })
  } finally {
    erase(bytes)
    eraseStage(stage)
  }
}
