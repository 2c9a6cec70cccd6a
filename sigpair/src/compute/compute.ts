import { type KeyObject, sign as signBytes } from 'node:crypto'
import {
  backupStatement,
  decodePair,
  decodeShare,
  encodePresignature,
  hideSecrets,
  keygen,
  type KeygenResult,
  type KeyShare,
  openPair,
  presign,
  pveEncrypt,
  refresh,
  type SigningKey,
  type StagingDeps,
  sign,
} from '@tandem/ecdsa'
import { type JournalEntry, type Protocol, type RunHost, run, type SessionId } from '@tandem/rounds'
import type { Arithmetic } from './arithmetic.ts'
import { erase, eraseStage } from './erase.ts'
import { DEVICE, SIGPAIR } from '../parties.ts'
import type { Entry, Job, KeyBytes, KeygenJob, PresignJob, RefreshJob, SignJob } from './port-messages.ts'

/** What a computation may do outside: rounds with the device, and making things durable. */
export type Outside = {
  readonly host: RunHost
  readonly record: (entry: Entry) => Promise<void>
}

const BOTH = [DEVICE, SIGPAIR] as const

/**
 * Sigpair's side of everything one dialogue computes.
 *
 * @returns keygen and refresh: the acknowledgements of both parties; otherwise nothing
 * @throws {ProtocolAbort} as the protocols do
 */
export async function compute(job: Job, arithmetic: Arithmetic, outside: Outside): Promise<readonly Uint8Array[]> {
  if (job.op === 'keygen') return generate(job, arithmetic, outside)
  if (job.op === 'refresh') return renew(job, arithmetic, outside)
  await (job.op === 'presign' ? stockUp(job, arithmetic, outside) : signNow(job, arithmetic, outside))
  return []
}

/** Spec: flows 3.3 and 3.4. */
async function generate(
  { keyId, identities, identityKey, rehearsal }: KeygenJob,
  arithmetic: Arithmetic,
  outside: Outside,
): Promise<readonly Uint8Array[]> {
  const setup = { keyId, self: SIGPAIR, threshold: 2, identities }
  const result = await stage(keygen(setup, { ...arithmetic, sign: signerOf(identityKey) }), outside)
  try {
    await rehearse(result, rehearsal, arithmetic, outside)
    return result.certificate
  } finally {
    eraseStage(result)
  }
}

/** Spec: flows 9.2 and 9.3. The old share is overwritten as soon as the rounds are over. */
async function renew(job: RefreshJob, arithmetic: Arithmetic, outside: Outside): Promise<readonly Uint8Array[]> {
  const { stageId, identities, identityKey, recoveryKey } = job
  const old = openOld(arithmetic, job.share)
  const setup = { share: hideSecrets({ ...old, identities }), stageId }
  const deps = { ...arithmetic, sign: signerOf(identityKey) }
  const result = await stage(refresh(setup, deps), outside).finally(() => erase(old.secret))
  try {
    await rehearse(result, stageId, arithmetic, outside)
    if (recoveryKey) await backUp(result.share, recoveryKey, arithmetic, outside)
    return result.certificate
  } finally {
    eraseStage(result)
  }
}

function openOld({ backend }: Arithmetic, bytes: Uint8Array): KeyShare {
  try {
    return decodeShare(backend, bytes)
  } finally {
    erase(bytes)
  }
}

function signerOf(identityKey: KeyObject): StagingDeps['sign'] {
  return (message) => new Uint8Array(signBytes(null, message, identityKey))
}

/** Rounds that end in a stage; the copy of it that was made durable is overwritten. */
async function stage(rounds: Protocol<KeygenResult>, { host }: Outside): Promise<KeygenResult> {
  const record = async (entry: JournalEntry) => {
    await host.record(entry)
    if (entry.entry === 'store') erase(entry.bytes)
  }
  return run(rounds, { ...host, record })
}

/** One presignature on what was staged. It is dropped: never stored, and its run's id is spent. */
async function rehearse(
  { share, pairs }: KeygenResult,
  sigid: SessionId,
  arithmetic: Arithmetic,
  { host }: Outside,
): Promise<void> {
  const opened = new Map(pairs.map((pair) => [pair.peer, openPair(arithmetic.backend, pair)]))
  await run(presign({ sigid, signers: BOTH }, { share, pairs: opened }, arithmetic), host)
}

/** Spec: backup 1. */
async function backUp(
  share: KeyShare,
  ek: Uint8Array,
  arithmetic: Arithmetic,
  { host, record }: Outside,
): Promise<void> {
  const { backend, rng } = arithmetic
  const statement = backupStatement(share, { party: SIGPAIR, purpose: 'recovery', ek })
  const bytes = await run(pveEncrypt(backend, statement, share.secret, rng), host)
  await record({ entry: 'backup', bytes })
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
