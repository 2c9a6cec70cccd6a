import { type JournalEntry, type PartyIndex, ProtocolAbort, type Protocol, run, type RunHost } from '@tandem/rounds'
import { ERRORS, limits } from '@tandem/wire'
import { TandemError } from '../errors.ts'
import { DEVICE } from '../members.ts'
import type { Legs } from './legs.ts'
import type { Platform } from '../platform.ts'

/** Tells an app how far a long operation is. */
export type Progress = {
  readonly step:
    | 'ticket'
    | 'keygen'
    | 'refresh'
    | 'rehearsal'
    | 'backup'
    | 'commit'
    | 'presign'
    | 'prepare'
    | 'sign'
    | 'submit'
  readonly round?: number
}
export type OnProgress = (progress: Progress) => void

/** A key that signs, as ecdsa takes it, and where its journal entries go. */
export type RunOptions = {
  readonly record: (entry: JournalEntry) => Promise<void>
  readonly onRound?: (round: number) => void
  /** the OT check failed: destroy the pairs with these, durably, before anybody is told */
  readonly onBan?: (culprits: readonly PartyIndex[]) => Promise<void>
}

/**
 * Runs the device's side of one protocol with everybody who takes part.
 *
 * @throws {TandemError} `MPC_SIGNING_FAILED` with `Round n timeout` for a silent peer; `PROTOCOL_ABORTED` for every
 *         failed check: whatever was staged is then worthless
 */
export async function runOnDevice<Out>(
  platform: Platform,
  legs: Legs,
  protocol: Protocol<Out>,
  { record, onRound, onBan }: RunOptions,
): Promise<Out> {
  const { channel, self } = legs
  let begun = 0
  const host: RunHost = {
    channel: {
      send: async (message) => {
        if (message.round !== begun) onRound?.(message.round)
        begun = message.round
        return channel.send(message)
      },
      receive: async (from, signal) => channel.receive(from, signal),
    },
    record,
    breathe: platform.breathe,
    after: platform.after,
    roundMs: limits.ROUND_MS,
    signal: new AbortController().signal,
  }
  try {
    return await run(protocol, host)
  } catch (cause) {
    if (cause instanceof ProtocolAbort && cause.verdict === 'ban') await onBan?.(cause.culprits)
    legs.close()
    if (!(cause instanceof ProtocolAbort)) throw cause
    throw self === DEVICE ? abortError(cause) : abortError(cause).by(cause.culprits)
  }
}

function abortError(abort: ProtocolAbort): TandemError {
  if (abort.code === 'SILENT_PEER') {
    return new TandemError('MPC_SIGNING_FAILED', ERRORS.MPC_SIGNING_FAILED.message, {
      details: `Round ${abort.round} timeout`,
      cause: abort,
    })
  }
  return new TandemError('PROTOCOL_ABORTED', 'A check on what Sigpair sent failed; nothing was signed.', {
    cause: abort,
  })
}
