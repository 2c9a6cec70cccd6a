import { closeStage, type DeviceKey, type EpochName, type Fate, openStage } from '@tandem/ecdsa'
import { fromHex } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { type DeviceEpoch, newPairs, type WalletRecord } from './wallet-record.ts'

// The device's half of the staged commit, on a wallet's record: what decides is stage.ts of @tandem/ecdsa, what is written is
// one record. Source: docs/spec/refresh.md, section 3.

type Held = EpochName & { readonly held: DeviceEpoch }

/**
 * The record with a stage beside what is in force; it must be durable before our acknowledgement leaves.
 *
 * @throws {TandemError} `EPOCH_MISMATCH` while another stage is open, or for any epoch but the next
 */
export function withStage(record: WalletRecord, stage: DeviceEpoch): WalletRecord {
  try {
    return { ...record, stage: openStage(stagesOf(record), held(stage)).stage?.held ?? null }
  } catch (cause) {
    throw new TandemError('EPOCH_MISMATCH', 'Another epoch of this wallet is open; reconcile it first.', { cause })
  }
}

/** The record after Sigpair's word on its stage, the receipt of which was verified. The same record if nothing changes. */
export function withFate(record: WalletRecord, stage: DeviceEpoch, fate: Fate): WalletRecord {
  const before = stagesOf(record)
  const { key } = closeStage(before, held(stage), fate)
  if (key === before) return record
  const { commit: _, ...rest } = record
  const next = { ...rest, current: key.current?.held ?? null, stage: key.stage?.held ?? null }
  return fate === 'committed' ? { ...next, pairs: newPairs(stage), restoring: null } : next
}

function stagesOf({ current, stage }: WalletRecord): DeviceKey<Held> {
  return { current: current && held(current), stage: stage && held(stage) }
}

function held(epoch: DeviceEpoch): Held {
  return { stageId: fromHex(epoch.stageId), epoch: epoch.epoch, held: epoch }
}
