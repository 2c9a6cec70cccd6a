import { createHash } from 'node:crypto'
import { checkSignature, decodeSignature } from '@tandem/ecdsa'
import { canonicalJson, fromHex, type MemberCompletion, toHex } from '@tandem/wire'
import { fast } from '../helpers/backends.ts'
import { signedText } from '../helpers/verifiers.ts'
import {
  type Heard,
  keyOf,
  type Reply,
  type StubMember,
  startTestGateway,
  stubMember,
  type TestGateway,
} from './members.ts'
import { child, PATH, releaseOf, shareOfDevice } from './shares.ts'

// Members 1 and 2 of three have made a presignature with the device, party 4. What each keeps is kept here.

let members: StubMember[]
let gateway: TestGateway
/** so many more calls reach a member; then everybody is gone */
let left = Infinity

beforeAll(async () => {
  members = await Promise.all([stubMember(), stubMember(), stubMember()])
})
afterAll(async () => Promise.all(members.map((member) => member.close())))
/** A gateway that dies leaves nothing behind: the next one is another. */
beforeEach(async () => (gateway = await startTestGateway(members, { deadlines: { patienceMs: 20 } })))
afterEach(async () => gateway.close())

/** A session, as each member keeps it. */
type Kept = { rhoS?: string; parts?: object; released?: MemberCompletion['released']; signature?: string }

/** Puts a new session behind the members' routes. `share` is the device's, once ρ_S is known. */
function newSession(name: string) {
  const { digest } = signedText(name)
  const kept: Kept[] = [{}, {}, {}]
  const part = (index: number) => keyOf(0x10 + index)
  const acts: Record<string, (index: number, mine: Kept, body: Record<string, unknown>) => Reply> = {
    sessions: (index, { parts }) =>
      ok({ digest: toHex(digest), rhoS: part(index), ...(parts && { parts }), expiresAt: 2_000 - index }),
    settle: (index, mine, { parts }) => {
      expect(parts).toContainEqual({ index, rhoS: part(index) })
      if (mine.rhoS === undefined) mine.parts = parts as object
      mine.rhoS ??= toHex(createHash('sha256').update(canonicalJson(parts)).digest())
      return ok({ rhoS: mine.rhoS })
    },
    complete: (index, mine, { p1SignatureShare }) => {
      const said = { digest: toHex(digest) }
      if (mine.signature !== undefined) return ok({ ...said, signature: mine.signature })
      if (p1SignatureShare === undefined) return problem(400, 'VALIDATION_FAILED')
      if (mine.rhoS === undefined) return problem(503, 'UNAVAILABLE')
      if (index < 3) mine.released ??= releaseOf(index, digest, mine.rhoS)
      return ok({ ...said, ...(mine.released && { released: mine.released }) })
    },
    signature: (_index, mine, { signature }) => {
      try {
        checkSignature(fast, { digest, publicKey: child }, decodeSignature(fromHex(String(signature)))!, 'evm')
      } catch {
        return problem(500, 'MPC_SIGNING_FAILED')
      }
      mine.signature ??= String(signature)
      return ok({})
    },
  }
  for (const [at, member] of members.entries()) {
    member.calls.splice(0)
    member.reply = ({ target, body }: Heard) => {
      if (left-- <= 0) return 'cut'
      return acts[target.split('/').at(-1)!]!(at + 1, kept[at]!, JSON.parse(body) as Record<string, unknown>)
    }
  }
  const share = (rhoS: string) => shareOfDevice(digest, rhoS)
  return { kept, digest, share }
}

const ok = (body: object): Reply => ({ status: 200, body })
const problem = (status: number, error: string): Reply => ({ status, body: { error } })

const SESSION = `ses_${'a'.repeat(22)}`
const ask = async (path: string, body: object) => {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer x' }
  const answer = await fetch(`${gateway.internalUrl}/internal/sessions${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ keyId: keyOf(1), ...body }),
  })
  return (await answer.json()) as Record<string, string>
}
const payload = { kind: 'message', message: 'hello' }
const prepare = async () => ask('', { sessionId: SESSION, path: PATH, payload })
const complete = async (p1SignatureShare?: string) => ask(`/${SESSION}/complete`, { p1SignatureShare })

/** By the verifier that the device uses, too. */
function expectSigned(digest: Uint8Array, { signature }: Record<string, string>): string {
  const bytes = fromHex(signature ?? '')
  expect(fast.verify(bytes.slice(0, 64), digest, child)).toBe(true)
  return signature!
}

test('parts become one ρ_S, shares one signature, and everybody has it', async () => {
  const { kept, digest, share } = newSession('all are there')
  const prepared = await prepare()
  expect(prepared).toEqual({ digest: toHex(digest), rhoS: kept[0]!.rhoS, expiresAt: 1_997 })
  const signature = expectSigned(digest, await complete(share(prepared['rhoS']!)))
  expect(kept.map((one) => one.signature)).toEqual([signature, signature, signature])
  expect(expectSigned(digest, await complete())).toBe(signature)
})

test('a gateway that dies after any number of calls leaves the same signature to the next one', async () => {
  const signatures: string[] = []
  for (let after = 0; after <= 9; after++) {
    const { kept, digest, share } = newSession('cut off')
    left = Infinity
    const { rhoS } = await prepare()
    const mine = share(rhoS!)
    left = after
    const first = await complete(mine)
    // three completions, then three keep it: two are enough
    expect(first['signature'] === undefined).toBe(after < 5)
    left = Infinity
    await gateway.close()
    gateway = await startTestGateway(members, { deadlines: { patienceMs: 20 } })
    const again = expectSigned(digest, await complete(mine))
    expect(first['signature'] ?? again).toBe(again)
    expect(new Set(kept.flatMap((one) => one.signature ?? []))).toEqual(new Set([again]))
    signatures.push(again)
  }
  expect(new Set(signatures).size).toBe(1)
})

test('one that dies between preparing and settling leaves a ρ_S to the next one', async () => {
  for (let after = 3; after <= 6; after++) {
    const { digest, share } = newSession('half settled')
    left = after
    await prepare()
    left = Infinity
    const { rhoS } = await prepare()
    expectSigned(digest, await complete(share(rhoS!)))
  }
})

test('what one member fixed with a gateway that died is what the next gateway shows, whoever is there then', async () => {
  for (const [fixing, away] of [
    [1, 2],
    [1, 3],
    [2, 1],
    [3, 1],
  ] as const) {
    const { kept } = newSession('fixed by one')
    const replies = members.map(({ reply }) => reply)
    const cutOff = (isCut: (index: number, target: string) => boolean) => {
      for (const [at, member] of members.entries()) {
        member.reply = (call) => (isCut(at + 1, call.target) ? 'cut' : replies[at]!(call))
      }
    }
    cutOff((index, target) => target.endsWith('settle') && index !== fixing)
    await prepare()
    const first = kept[fixing - 1]!.rhoS
    expect(kept.filter(({ rhoS }) => rhoS !== undefined)).toHaveLength(1)
    await gateway.close()
    gateway = await startTestGateway(members, { deadlines: { patienceMs: 20 } })
    cutOff((index) => index === away)
    expect(await prepare()).toMatchObject({ rhoS: first })
    cutOff(() => false)
    expect(await prepare()).toMatchObject({ rhoS: first })
    expect(new Set(kept.map(({ rhoS }) => rhoS))).toEqual(new Set([first]))
  }
})

test('while a signer is away there is no signature, and when it is back there is', async () => {
  const { digest, share } = newSession('away')
  const mine = share((await prepare())['rhoS']!)
  const { reply } = members[1]!
  members[1]!.reply = () => 'cut'
  expect(await complete(mine)).toMatchObject({ error: 'UNAVAILABLE' })
  members[1]!.reply = reply
  expectSigned(digest, await complete(mine))
})

test('who is no signer may be away', async () => {
  const { digest, share } = newSession('not needed')
  members[2]!.reply = () => 'cut'
  expectSigned(digest, await complete(share((await prepare())['rhoS']!)))
})

test('a share of the device that does not fit makes no signature, and nobody keeps any', async () => {
  const { kept, share } = newSession('a liar')
  await prepare()
  expect(await complete(share(keyOf(0x77)))).toMatchObject({ error: 'MPC_SIGNING_FAILED' })
  expect(kept.map((one) => one.signature)).toEqual([undefined, undefined, undefined])
})

test('a presignature that nobody holds is consumed; a refusal is the members’', async () => {
  const { kept, share } = newSession('unknown')
  const mine = share((await prepare())['rhoS']!)
  const said = { digest: toHex(signedText('unknown').digest) }
  for (const member of members) member.reply = () => ok(said)
  expect(await complete(mine)).toMatchObject({ error: 'PRESIGNATURE_CONSUMED' })
  expect(await complete()).toMatchObject({ error: 'VALIDATION_FAILED' })
  members[0]!.reply = () => problem(403, 'POLICY_DENIED')
  expect(await complete(mine)).toMatchObject({ error: 'POLICY_DENIED' })
  expect(kept[0]!.signature).toBeUndefined()
})

test('a member that lies about a signature is not believed', async () => {
  const { kept, digest, share } = newSession('one lies')
  const mine = share((await prepare())['rhoS']!)
  const forged = `0x${'11'.repeat(65)}`
  const { reply } = members[2]!
  members[2]!.reply = (call) =>
    call.target.endsWith('complete') ? ok({ digest: toHex(digest), signature: forged }) : reply(call)
  const signature = expectSigned(digest, await complete(mine))
  expect(kept.slice(0, 2).map((one) => one.signature)).toEqual([signature, signature])
})

test('members that have settled apart from each other sign nothing', async () => {
  const { kept } = newSession('apart')
  kept[0]!.rhoS = keyOf(1)
  kept[1]!.rhoS = keyOf(2)
  kept[2]!.rhoS = keyOf(3)
  expect(await prepare()).toMatchObject({ error: 'UNAVAILABLE' })
})
