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
  rehearsalQuorums,
  type SigningKey,
  type SigningSession,
  type StagingDeps,
  sign,
} from '@tandem/ecdsa'
import { type JournalEntry, type Protocol, type RunHost, run, type SessionId, sessionId } from '@tandem/rounds'
import type { Arithmetic } from './arithmetic.ts'
import { erase, eraseStage } from './erase.ts'
import { sha256 } from '../crypto/hash.ts'
import { PAIR, SIGPAIR } from '../parties.ts'
import type { Entry, Job, KeyBytes, KeygenJob, PresignJob, RefreshJob, SignJob } from './port-messages.ts'

/** What a computation may do outside: rounds with the device and other members, and making things durable. */
export type Outside = {
  readonly host: RunHost
  readonly record: (entry: Entry) => Promise<void>
}

/**
 * Our side of everything one dialogue computes.
 *
 * @returns keygen and refresh: the acknowledgements of all parties; otherwise nothing
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
  { keyId, identities, identityKey, rehearsal, seat }: KeygenJob,
  arithmetic: Arithmetic,
  outside: Outside,
): Promise<readonly Uint8Array[]> {
  const sharing = seat
    ? { self: seat.self, threshold: seat.threshold + 1, withDevice: true }
    : { self: SIGPAIR, threshold: PAIR.length }
  const setup = { keyId, ...sharing, identities }
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

/** A presignature by every quorum we are in, on what was staged. All are dropped: never stored, and their ids are spent. */
async function rehearse(
  { share, pairs }: KeygenResult,
  ofPair: SessionId,
  arithmetic: Arithmetic,
  { host }: Outside,
): Promise<void> {
  const opened = new Map(pairs.map((pair) => [pair.peer, openPair(arithmetic.backend, pair)]))
  for (const session of rehearsals(share, ofPair)) {
    await run(presign(session, { share, pairs: opened }, arithmetic), host)
  }
}

/** Spec: gateway 3.3, keygen D.5. */
function rehearsals(share: KeyShare, ofPair: SessionId): SigningSession[] {
  if (share.withDevice !== true) return [{ sigid: ofPair, signers: PAIR }]
  const ours = rehearsalQuorums(share).filter((signers) => signers.includes(share.self))
  return ours.map((signers) => ({ sigid: sessionId(sha256(Uint8Array.of(...share.ssid, ...signers))), signers }))
}

/** Spec: backup 1. */
async function backUp(
  share: KeyShare,
  ek: Uint8Array,
  arithmetic: Arithmetic,
  { host, record }: Outside,
): Promise<void> {
  const { backend, rng } = arithmetic
  const statement = backupStatement(share, { party: share.self, purpose: 'recovery', ek })
  const bytes = await run(pveEncrypt(backend, statement, share.secret, rng), host)
  await record({ entry: 'backup', bytes })
}

/** Spec: flows 4.3. Each presignature is in stock before the next run begins. */
async function stockUp(
  { key, signers, sigids }: PresignJob,
  arithmetic: Arithmetic,
  { host, record }: Outside,
): Promise<void> {
  const opened = openKey(arithmetic, key)
  for (const sigid of sigids) {
    const presignature = await run(presign({ sigid, signers }, opened, arithmetic), host)
    const bytes = encodePresignature(presignature)
    await record({ entry: 'presignature', id: presignature.id, bytes })
    erase(bytes)
  }
}

/** Spec: flows 6.2, gateway 2.4. Sigpair assembles, and stores before it hands out; in a committee everybody does. */
async function signNow(
  { key, signers, sigid, message }: SignJob,
  arithmetic: Arithmetic,
  { host }: Outside,
): Promise<void> {
  const opened = openKey(arithmetic, key)
  const assembler = opened.share.withDevice === true ? ('all' as const) : SIGPAIR
  await run(sign({ sigid, signers, message, assembler, range: 'evm' }, opened, arithmetic), host)
}

function openKey({ backend }: Arithmetic, bytes: KeyBytes): SigningKey {
  try {
    const share = decodeShare(backend, bytes.share)
    const pairs = bytes.pairs.map((pair) => openPair(backend, decodePair(backend, share, pair)))
    return { share, pairs: new Map(pairs.map((pair) => [pair.peer, pair])) }
  } finally {
    erase(bytes.share, ...bytes.pairs)
  }
}
