import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import {
  type Backend,
  combine,
  decodePresignature,
  decodeSignatureShare,
  encodeSignature,
  onlineShare,
} from '@tandem/ecdsa'
import { ProtocolAbort, type RunHost } from '@tandem/rounds'
import { arithmetic } from './arithmetic.ts'
import { type DialoguePort, dialoguePort } from './channel-port.ts'
import { compute } from './compute.ts'
import { DEVICE, SIGPAIR } from '../parties.ts'
import type { AbortFacts, Completion, Ending, Job } from './port-messages.ts'
import type { OnlineJob } from '../sign/sign-session.ts'

export { encryptShare, proveShare, sealShare } from './share-tasks.ts'

// The tasks of pool.ts, by name. They compute; sockets, stores and KMS are on the other side of the port.

/** Which curve arithmetic this thread has, once it has given the known answers. */
export function probe(): Backend['name'] {
  return arithmetic().backend.name
}

/** One dialogue, to its end, however it ends. */
export async function dialogue({ port, job }: { readonly port: MessagePort; readonly job: Job }): Promise<void> {
  const device = dialoguePort(port)
  device.end(await endingOf(device, job))
}

async function endingOf(device: DialoguePort, job: Job): Promise<Ending> {
  const host: RunHost = {
    channel: device.channel,
    record: device.record,
    breathe: () => setImmediate(),
    after,
    roundMs: job.roundMs,
    signal: device.signal,
  }
  try {
    const certificate = await compute(job, arithmetic(), { host, record: device.record })
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
    const current = { ...key, signers: [DEVICE, SIGPAIR] }
    const own = onlineShare(backend, decodePresignature(presignature), current, { ...message, rhoD: device.rhoD })
    return { status: 'done', signature: encodeSignature(combine(backend, own.target, [own.share, device], 'evm')) }
  } catch (error) {
    if (error instanceof ProtocolAbort) return { status: 'aborted', abort: factsOf(error) }
    throw error
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
