import { type MemberCompletion, type Policy, toHex } from '@tandem/wire'
import { readPolicy } from '../../sigpair/src/policy/policy-change.ts'
import { OWNER, rng } from '../helpers/sigpair.ts'
import { intentBy, payment } from '../helpers/wallet.ts'
import { addUp, complete, prepare, type PreparedSession } from './calls.ts'
import { deal, dialAll, finish, makePresignatures, playSign, shareFor, type Wallet } from './device.ts'
import { type Answer, type Members, startMembers, type TestMember } from './members.ts'

// Each of three members minds the owner's policy by itself; two sign. A test plays the gateway: it invents nothing, and leaves
// out whom it likes. A payment spends 1.

const QUORUMS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const
const NOBODY: Policy = { recipients: [`0x${'aa'.repeat(20)}`] }
const WINDOW = 'assets eip155:31337/native windows 3600'
const perHour = (amount: string): Policy => ({
  assets: [{ chainId: 31337, asset: 'native', windows: [{ seconds: 3600, amount }] }],
})

let members: Members
let wallet: Wallet

beforeAll(async () => (members = await startMembers()))
afterAll(async () => members.close())
beforeEach(async () => (wallet = await deal(members)))

/** The owner's word, told to these members. */
async function setPolicy(policy: Policy | null, among: readonly TestMember[] = members.all): Promise<void> {
  const { device, keyId } = wallet
  const body = { policy, intent: intentBy(device, { op: 'policy', keyId, epoch: 0 }, { policy }) }
  for (const member of among) {
    expect(await members.call(member, { method: 'PUT', path: `/internal/keys/${keyId}/policy`, body })).toMatchObject({
      status: 200,
    })
  }
}

/** What each says to a completion that reaches only these. */
async function completeAt(
  session: PreparedSession,
  presignature: Uint8Array,
  among: readonly TestMember[] = members.all,
): Promise<ReadonlyMap<number, Answer>> {
  const share = shareFor(wallet, presignature, session)
  const answers = await Promise.all(
    among.map(async (member) => [member.index, await complete(members, member, session, share)] as const),
  )
  return new Map(answers)
}

const hasReleased = (answer: Answer | undefined) => answer?.body['released'] !== undefined
const denied = (details: string) => ({ body: { error: 'POLICY_DENIED', details } })

/** In a dialogue, without any presignature. */
async function signInDialogue(session: PreparedSession, quorum: readonly number[]): Promise<void> {
  const { device, keyId, share } = wallet
  const [sigid, rhoD, signers] = [rng(32), rng(32), [...quorum, share.self]]
  const named = { sessionId: session.sessionId, digest: toHex(session.digest), path: [...session.path] }
  const dialled = { device, keyId, epoch: share.epoch, grant: { session: named } }
  const hello = { op: 'sign' as const, sigid: toHex(sigid), rhoD: toHex(rhoD) }
  const legs = await dialAll(members, quorum.map(members.at), dialled, hello, { signers })
  await playSign(legs, wallet, { ...session, sigid, rhoD, signers })
  await finish(legs)
}

test('a member whose policy is tighter gives nothing for what the others would sign, and they sign without it', async () => {
  const session = await prepare(members, wallet)
  await setPolicy(NOBODY, [members.at(2)])
  const [withIt] = await makePresignatures(members, wallet, [1, 2])
  const answers = await completeAt(session, withIt!)
  expect(answers.get(2)).toMatchObject(denied('recipients'))
  expect(hasReleased(answers.get(1))).toBe(true)
  await expect(signInDialogue(session, [2, 3])).rejects.toMatchObject({ reason: 'POLICY_DENIED' })
  const early = await members.call(members.at(2), { path: '/internal/sessions', body: payment(wallet) })
  expect(early).toMatchObject(denied('recipients'))

  const [without] = await makePresignatures(members, wallet, [1, 3])
  const share = shareFor(wallet, without!, session)
  const said = [1, 3].map(async (index) => {
    return { index, completion: (await complete(members, members.at(index), session, share)).body as MemberCompletion }
  })
  expect(addUp(session, share, await Promise.all(said))).toHaveLength(65)
})

test('a policy that fewer than t members have loosened signs nothing, with any two of them', async () => {
  const sessions = [await prepare(members, wallet), await prepare(members, wallet), await prepare(members, wallet)]
  await setPolicy(NOBODY)
  await setPolicy(null, [members.at(1)])
  expect((await readPolicy(members.at(1).stores, wallet.keyId, OWNER)).inForce).toEqual([])
  for (const [at, quorum] of QUORUMS.entries()) {
    const [made] = await makePresignatures(members, wallet, quorum)
    const answers = await completeAt(sessions[at]!, made!, quorum.map(members.at))
    for (const index of quorum) expect(hasReleased(answers.get(index))).toBe(index === 1)
    await expect(signInDialogue(sessions[at]!, quorum)).rejects.toMatchObject({ reason: 'POLICY_DENIED' })
  }
})

test('a member counts what others sign', async () => {
  await setPolicy(perHour('2'))
  const sessions = [await prepare(members, wallet), await prepare(members, wallet), await prepare(members, wallet)]
  const made = await makePresignatures(members, wallet, [1, 2], { count: 2 })
  for (const [at, presignature] of made.entries()) {
    const answers = await completeAt(sessions[at]!, presignature)
    expect([...answers.values()].map(hasReleased)).toEqual([true, true, false])
    // once for each session, however often it is asked
    expect((await completeAt(sessions[at]!, presignature)).get(3)).toMatchObject({ status: 200 })
  }
  const [fresh] = await makePresignatures(members, wallet, [1, 3])
  const answers = await completeAt(sessions[2]!, fresh!)
  for (const index of [1, 2, 3]) expect(answers.get(index)).toMatchObject(denied(WINDOW))
})

test('whom a gateway leaves out counts nothing, and so n/t of a window are spent at most', async () => {
  await setPolicy(perHour('2'))
  const sessions: PreparedSession[] = []
  for (let n = 0; n < 4; n++) sessions.push(await prepare(members, wallet))
  for (const [at, quorum] of QUORUMS.entries()) {
    const [made] = await makePresignatures(members, wallet, quorum)
    const answers = await completeAt(sessions[at]!, made!, quorum.map(members.at))
    expect([...answers.values()].map(hasReleased)).toEqual([true, true])
  }
  for (const quorum of QUORUMS) {
    const [made] = await makePresignatures(members, wallet, quorum)
    const answers = await completeAt(sessions[3]!, made!, quorum.map(members.at))
    for (const index of quorum) expect(answers.get(index)).toMatchObject(denied(WINDOW))
  }
})
