import { createSigningKey } from '@tandem/service'
import { fromHex, type MemberBatchCompletion, toHex } from '@tandem/wire'
import { combineBatch, mayCombineBatch } from '../../sigpair/src/gateway/combine-batch.ts'
import type { Gateway } from '../../sigpair/src/gateway/gateway.ts'
import type { MemberCall, Word } from '../../sigpair/src/gateway/member-call.ts'
import { fast } from '../helpers/backends.ts'
import { signedText } from '../helpers/verifiers.ts'
import { keyOf } from './members.ts'
import { child, releaseOf, shareOfDevice } from './shares.ts'

const RHO = keyOf(0x33)
const digests = ['one', 'two', 'three'].map((text) => signedText(text).digest)
const ids = digests.map((_, at) => `ses_${String(at).repeat(22)}`)
const shares = digests.map((digest) => shareOfDevice(digest, RHO))
const batch = { id: `bat_${'a'.repeat(22)}`, keyId: keyOf(1), shares }

type Session = MemberBatchCompletion['sessions'][number]

/** What a member tells of the batch; `change` says what is different about a session. */
function told(index: number, change: (session: Session, at: number) => Session = (session) => session): Word {
  const sessions = digests.map((digest, at) => {
    const session = { sessionId: ids[at]!, digest: toHex(digest) }
    return change(index < 3 ? { ...session, released: releaseOf(index, digest, RHO) } : session, at)
  })
  return { index, said: 'done', body: { sessions } }
}

/** A gateway before members that keep what they are shown. */
async function gatewayBefore(calls: MemberCall[]): Promise<Gateway> {
  const quiet = () => undefined
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log }
  const member = (index: number) => ({
    isSilent: () => false,
    ask: async (call: MemberCall): Promise<Word> => {
      calls.push(call)
      return { index, said: 'done', body: {} }
    },
  })
  const sizes = { threshold: 2, members: 3 }
  const committee = { threshold: 2, nodes: [] }
  const key = await createSigningKey()
  return { sizes, members: [1, 2, 3].map(member), committee, key, backend: fast, patienceMs: 10, log }
}

const without = (which: number) => (session: Session, at: number) => {
  return at === which ? { sessionId: session.sessionId, digest: session.digest } : session
}

test('every operation gets its signature, and every member all of them at once', async () => {
  const calls: MemberCall[] = []
  const gateway = await gatewayBefore(calls)
  const words = [told(1), told(2), told(3)]
  expect(mayCombineBatch(gateway, words.slice(0, 2))).toBe(true)
  const { signatures } = await combineBatch(gateway, batch, words)
  for (const [at, { sessionId, digest, signature }] of signatures.entries()) {
    expect([sessionId, digest]).toEqual([ids[at], toHex(digests[at]!)])
    expect(fast.verify(fromHex(signature).slice(0, 64), digests[at]!, child)).toBe(true)
  }
  expect(calls).toHaveLength(3)
  expect(JSON.parse(Buffer.from(calls[0]!.body).toString())).toEqual({
    keyId: batch.keyId,
    sessions: signatures.map(({ sessionId, signature }) => ({ sessionId, signature })),
  })
})

test('nothing leaves while one operation has no signature, and the error names it', async () => {
  const calls: MemberCall[] = []
  const gateway = await gatewayBefore(calls)
  const words = [told(1, without(1)), told(2, without(1)), told(3)]
  expect(mayCombineBatch(gateway, words)).toBe(false)
  const missing = combineBatch(gateway, batch, words)
  await expect(missing).rejects.toMatchObject({ code: 'PRESIGNATURE_CONSUMED', details: 'operation 1' })
  const swapped = { ...batch, shares: [shares[0]!, shares[2]!, shares[1]!] }
  const wrong = combineBatch(gateway, swapped, [told(1), told(2), told(3)])
  await expect(wrong).rejects.toMatchObject({ code: 'MPC_SIGNING_FAILED', details: 'operations 1-2' })
  expect(calls).toEqual([])
})

test('what a gateway left half signed is finished with what members have, and with what they answer again', async () => {
  const calls: MemberCall[] = []
  const gateway = await gatewayBefore(calls)
  const { signatures } = await combineBatch(gateway, batch, [told(1), told(2), told(3)])
  const signed = (session: Session, at: number) => ({
    ...without(at)(session, at),
    signature: signatures[at]!.signature,
  })
  calls.splice(0)
  expect(await combineBatch(gateway, batch, [told(1, signed), told(2), told(3)])).toEqual({ signatures })
  expect(calls).toHaveLength(2)
  const again = { ...batch, shares: undefined }
  expect(await combineBatch(gateway, again, [told(1, signed), told(2, signed), told(3)])).toEqual({ signatures })
})
