import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { encodePresignature, encodeSignatureShare, onlineShare, type Presignature } from '@tandem/ecdsa'
import { keyId, ProtocolAbort, sessionId } from '@tandem/rounds'
import { completeSession, type SessionRecord } from '@tandem/sigpair'
import { toBase64url } from '@tandem/wire'
import { createPool, type Pool } from '../../sigpair/src/compute/pool.ts'
import { fast } from '../helpers/backends.ts'
import { createDevice } from '../helpers/device.ts'
import { dial, rng, type SigpairProcess, spawnSigpair, startTestSigpair } from '../helpers/sigpair.ts'
import {
  BOTH,
  dealWallet,
  generateWallet,
  makePresignatures,
  newKeyId,
  pairRecord,
  prepared,
  type Wallet,
} from '../helpers/wallet.ts'

describe('one thread', () => {
  let sigpair: SigpairProcess
  beforeAll(async () => (sigpair = await spawnSigpair()))
  afterAll(async () => sigpair.close())

  test('computes ten dialogues at once while health is answered', async () => {
    const wallets = await Promise.all(Array.from({ length: 8 }, () => dealWallet(sigpair)))
    const done = new AbortController()
    const dialogues = Promise.all([
      ...Array.from({ length: 2 }, () => generateWallet(sigpair)),
      ...wallets.map((wallet) => makePresignatures(sigpair, wallet, 1)),
    ]).finally(() => done.abort())

    let answered = 0
    while (!done.signal.aborted) {
      // Not `ready`: that one asks KMS, which here shares a thread with ten devices.
      const { status } = await fetch(`${sigpair.url.replace('ws:', 'http:')}/health/live`)
      expect(status).toBe(200)
      answered++
    }
    expect(await dialogues).toHaveLength(10)
    expect(answered).toBeGreaterThan(10)
  })

  test('serves a device while fifteen others are silent', async () => {
    const talks = await Promise.all(
      Array.from({ length: 15 }, () =>
        dial(sigpair, { device: createDevice(rng), keyId: newKeyId() }, { op: 'keygen' }),
      ),
    )
    const wallet = await generateWallet(sigpair)
    expect(await makePresignatures(sigpair, wallet, 1)).toHaveLength(1)
    for (const talk of talks) talk.leave()
  })
})

describe('the pool', () => {
  let pool: Pool
  beforeAll(() => (pool = createPool({ dialogues: 4, threads: 1 })))
  afterAll(async () => pool.close())

  test('gives the known answers, with the native curve where it loads', async () => {
    expect(await pool.probe()).toBe(fast.name)
  })

  test('completes a signature from a presignature, and what is spent is spent', async () => {
    const sigpair = await startTestSigpair()
    const wallet = await dealWallet(sigpair)
    const [presignature] = await makePresignatures(sigpair, wallet, 1)
    const session = await prepared(sigpair, wallet)
    const p1SignatureShare = shareOf(wallet, presignature!, session)

    const signed = await completeSession(sigpair.stores, pool.completeSignature, { ...session, p1SignatureShare })
    expect(fast.verify(signed.signature.slice(0, 64), session.digest, wallet.key.share.publicKey)).toBe(true)
    expect((await pairRecord(sigpair, wallet)).stock).toEqual([])
    await sigpair.close()
  })

  test('says as an abort that a share does not fit', async () => {
    const sigpair = await startTestSigpair()
    const wallet = await dealWallet(sigpair)
    const [presignature, other] = await makePresignatures(sigpair, wallet, 2)
    const { share } = wallet.key
    const session = await prepared(sigpair, wallet)
    const job = {
      presignature: encodePresignature(presignature!),
      share: new Uint8Array(Buffer.from(shareOf(wallet, other!, session), 'base64url')),
      key: share,
      message: session,
    }
    await expect(pool.completeSignature(job)).rejects.toThrow(ProtocolAbort)
    await sigpair.close()
  })

  test('rejects a dialogue whose thread is gone', async () => {
    const doomed = createPool({ dialogues: 4, threads: 1 })
    const { port1, port2 } = new MessageChannel()
    const job = {
      op: 'keygen' as const,
      keyId: keyId(rng(32)),
      identities: [rng(32), rng(32)],
      identityKey: generateKeyPairSync('ed25519').privateKey,
      rehearsal: sessionId(rng(32)),
      roundMs: 60_000,
    }
    const dialogue = doomed.dialogue({ port: port2, job })
    const rejected = expect(dialogue).rejects.toThrow()
    await once(port1, 'message') // round 1: it has begun
    await doomed.close()
    await rejected
    port1.close()
  })
})

function shareOf(
  { key: { share } }: Wallet,
  presignature: Presignature,
  { digest, path, rhoS }: SessionRecord,
): string {
  const current = { ...share, signers: BOTH }
  const own = onlineShare(fast, presignature, current, { digest, path, rhoS, rhoD: rng(32) })
  return toBase64url(encodeSignatureShare(own.share))
}
