import { sign as signBytes } from 'node:crypto'
import {
  decodePair,
  decodeShare,
  encodePresignature,
  keygen,
  openPair,
  presign,
  type SigningKey,
  sign,
} from '@tandem/ecdsa'
import { type JournalEntry, type RunHost, run } from '@tandem/rounds'
import type { Arithmetic } from './arithmetic.ts'
import { erase, eraseStage } from './erase.ts'
import { DEVICE, SIGPAIR } from '../parties.ts'
import type { Entry, Job, KeyBytes, KeygenJob, PresignJob, SignJob } from './port-messages.ts'

/** What a computation may do outside: rounds with the device, and making things durable. */
export type Outside = {
  readonly host: RunHost
  readonly record: (entry: Entry) => Promise<void>
}

const BOTH = [DEVICE, SIGPAIR] as const

/**
 * Sigpair's side of everything one dialogue computes.
 *
 * @returns keygen: the acknowledgements of both parties; otherwise nothing
 * @throws {ProtocolAbort} as the protocols do
 */
export async function compute(job: Job, arithmetic: Arithmetic, outside: Outside): Promise<readonly Uint8Array[]> {
  if (job.op === 'keygen') return generate(job, arithmetic, outside)
  await (job.op === 'presign' ? stockUp(job, arithmetic, outside) : signNow(job, arithmetic, outside))
  return []
}

/** Spec: flows 3.3 and 3.4. The rehearsal's result is dropped: it is never stored, and its run's id is spent. */
async function generate(
  { keyId, identities, identityKey, rehearsal }: KeygenJob,
  arithmetic: Arithmetic,
  { host }: Outside,
): Promise<readonly Uint8Array[]> {
  const acknowledge = (message: Uint8Array) => new Uint8Array(signBytes(null, message, identityKey))
  const setup = { keyId, self: SIGPAIR, threshold: 2, identities }
  const staging = async (entry: JournalEntry) => {
    await host.record(entry)
    if (entry.entry === 'store') erase(entry.bytes)
  }
  const result = await run(keygen(setup, { ...arithmetic, sign: acknowledge }), { ...host, record: staging })
  try {
    const pairs = result.pairs.map((pair) => [pair.peer, openPair(arithmetic.backend, pair)] as const)
    await run(
      presign({ sigid: rehearsal, signers: BOTH }, { share: result.share, pairs: new Map(pairs) }, arithmetic),
      host,
    )
    return result.certificate
  } finally {
    eraseStage(result)
  }
}

/** Spec: flows 4.3. Each presignature is in stock before the next run begins. */
async function stockUp({ key, sigids }: PresignJob, arithmetic: Arithmetic, { host, record }: Outside): Promise<void> {
  const opened = openKey(arithmetic, key)
  for (const sigid of sigids) {
    const presignature = await run(presign({ sigid, signers: BOTH }, opened, arithmetic), host)
    const bytes = encodePresignature(presignature)
    await record({ entry: 'presignature', id: presignature.id, bytes })
    erase(bytes)
  }
}

/** Spec: flows 6.2. Sigpair assembles, and stores before it hands out. */
async function signNow({ key, sigid, message }: SignJob, arithmetic: Arithmetic, { host }: Outside): Promise<void> {
  const session = { sigid, signers: BOTH, message, assembler: SIGPAIR, range: 'evm' as const }
  await run(sign(session, openKey(arithmetic, key), arithmetic), host)
}

function openKey({ backend }: Arithmetic, bytes: KeyBytes): SigningKey {
  try {
    const share = decodeShare(backend, bytes.share)
    const pair = openPair(backend, decodePair(backend, share, bytes.pair))
    return { share, pairs: new Map([[pair.peer, pair]]) }
  } finally {
    erase(bytes.share, bytes.pair)
  }
}
