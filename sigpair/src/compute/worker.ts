import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import {
  type Backend,
  combine,
  decodePresignature,
  decodeSignatureShare,
  encodeSignature,
  encodeSignatureShare,
  onlineShare,
} from '@tandem/ecdsa'
import { ProtocolAbort, type RunHost, UsageError } from '@tandem/rounds'
import { arithmetic } from './arithmetic.ts'
import { type DialoguePort, dialoguePort } from './channel-port.ts'
import { compute } from './compute.ts'
import { sameBytes } from '../crypto/hash.ts'
import { DEVICE, PAIR } from '../parties.ts'
import type { AbortFacts, Completion, Ending, Job, OnlinePart } from './port-messages.ts'
import type { OnlineJob, ReleaseJob } from '../sign/sign-session.ts'

export { encryptShare, proveShare, sealShare } from './share-tasks.ts'

// The tasks of pool.ts, by name. They compute; sockets, stores and KMS are on the other side of the port.

/** Which curve arithmetic this thread has, once it has given the known answers. */
export function probe(): Backend['name'] {
  return arithmetic().backend.name
}

/** One dialogue, to its end, however it ends. */
export async function dialogue({ port, job }: { readonly port: MessagePort; readonly job: Job }): Promise<void> {
  const outside = dialoguePort(port)
  outside.end(await endingOf(outside, job))
}

async function endingOf(outside: DialoguePort, job: Job): Promise<Ending> {
  const host: RunHost = {
    channel: outside.channel,
    record: outside.record,
    breathe: () => setImmediate(),
    after,
    roundMs: job.roundMs,
    signal: outside.signal,
  }
  try {
    const certificate = await compute(job, arithmetic(), { host, record: outside.record })
    return { status: 'done', certificate }
  } catch (error) {
    if (error instanceof ProtocolAbort) return { status: 'aborted', abort: factsOf(error) }
    return { status: 'failed', cause: error instanceof Error ? `${error.name}: ${error.message}` : 'unknown' }
  }
}

/** Our share from a presignature that is consumed already, the device's added to it, and the sum verified. */
export function completeSignature({ presignature, share, key, message }: OnlineJob): Completion {
  const { backend } = arithmetic()
  try {
    const device = decodeSignatureShare(share, DEVICE)
    const current = { ...key, signers: PAIR }
    const own = onlineShare(backend, decodePresignature(presignature), current, { ...message, rhoD: device.rhoD })
    return { status: 'done', signature: encodeSignature(combine(backend, own.target, [own.share, device], 'evm')) }
  } catch (error) {
    if (error instanceof ProtocolAbort) return { status: 'aborted', abort: factsOf(error) }
    throw error
  } finally {
    presignature.fill(0)
  }
}

/** Our part alone, from a presignature that is consumed already, over the device's ρ_D. */
export function releasePart({ presignature, share, key, message }: ReleaseJob): OnlinePart {
  const { backend } = arithmetic()
  try {
    const device = decodeSignatureShare(share, key.signers.at(-1) ?? DEVICE)
    const opened = decodePresignature(presignature)
    if (!sameBytes(opened.id, device.id)) throw new UsageError('another presignature') // check S23
    const nonce = opened.R.slice()
    const own = onlineShare(backend, opened, key, { ...message, rhoD: device.rhoD })
    return { nonce, share: encodeSignatureShare(own.share).slice(-64) }
  } finally {
    presignature.fill(0)
  }
}

function factsOf({ code, round, culprits, verdict }: ProtocolAbort): AbortFacts {
  return { code, round, culprits, verdict }
}

function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}
