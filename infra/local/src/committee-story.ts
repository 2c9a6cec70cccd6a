import { randomBytes } from 'node:crypto'
import {
  type CallerMethod,
  type CommitteeKey,
  type CommitteeSignature,
  committeeDeletion,
  committeeKey,
  committeeSignature,
  committeeStatus,
  fromHex,
  toHex,
  WireError,
} from '@tandem/wire'
import { rpcParams, signRequest } from '../../../sigpair/src/committee/caller.ts'
import { statusTable } from '../../../sigpair/src/committee/cli/status-table.ts'
import { callAnyNode } from '../../../sigpair/src/committee/rpc/rpc-client.ts'
import type { LocalCommittee, LocalNode } from './committee-stack.ts'
import { millis, table, type Teller } from './tell.ts'
import { verifyTwice } from './verify-twice.ts'

/** How many hold the key at first, and how many sign; the same after the handover. */
const FIRST = { members: 5, threshold: 3 }
const THEN = { members: 7, threshold: 4 }

export const COMMITTEE_SIZE = THEN.members

type Scene = { readonly committee: LocalCommittee; readonly tell: Teller; readonly signed: Signed[] }

type Signed = { readonly what: string; readonly ms: number; readonly signers: string; readonly checks: string }

/**
 * What a consensus layer lives through with a committee: a 3-of-5 key, signatures while two nodes are dead, the same key
 * handed to 4 of 7, and its end. Every signature is checked by two independent verifiers.
 *
 * @throws {Error} with the reason, if anything is not as it must be
 */
export async function tellCommittee(committee: LocalCommittee, tell: Teller): Promise<void> {
  const scene: Scene = { committee, tell, signed: [] }
  const five = committee.nodes.slice(0, FIRST.members)
  await startAll(scene, 'Five nodes, five processes, one disk each', five)

  tell.chapter('A key that no node holds')
  const keyId = toHex(randomBytes(32))
  const members = (nodes: readonly LocalNode[]) => nodes.map(({ node }) => node)
  const generate = async () => ask(five, 'keyGen', { keyId, members: members(five), threshold: FIRST.threshold })
  const key = committeeKey.parse(await tell.step('generate it, 3 of 5', generate.bind(undefined), addressOf))
  const again = committeeKey.parse(await tell.step('ask for it again: from storage', generate, addressOf))
  requireSame(key, again)
  await sign(scene, key, 'with five nodes up', five)

  tell.chapter('Two nodes die')
  const [dead, alive] = [five.slice(0, 2), five.slice(2)]
  for (const node of dead) await tell.step(`kill ${node.name} (SIGKILL)`, async () => node.kill())
  await sign(scene, key, 'with three nodes up', five)
  await sign(scene, key, 'and again', alive)

  tell.chapter('The same key for four of seven')
  const seven = committee.nodes.slice(0, THEN.members)
  await startAll(scene, undefined, [...dead, ...seven.slice(FIRST.members)])
  const handed = committeeKey.parse(
    await tell.step(
      'hand it over, 3 of 5 to 4 of 7',
      async () => ask(seven, 'keyReshare', { keyId, members: members(seven), threshold: THEN.threshold }),
      addressOf,
    ),
  )
  if (handed.publicKey !== key.publicKey) throw new Error('the handover changed the key')
  await sign(scene, handed, 'with the new shares', seven)
  const { result } = await callAnyNode([seven[6]!.apiUrl], { method: 'status' })
  tell.say(`\n${indented(statusTable(committeeStatus.parse(result), Date.now()))}`)

  tell.chapter('The end of the key')
  await tell.step(
    'delete it at every node',
    async () => committeeDeletion.parse(await ask(seven, 'keyDelete', { keyId })),
    ({ acknowledged }) => `${acknowledged.length} acknowledged`,
  )
  await tell.step(
    'sign with it',
    async () => refusal(async () => ask(seven, 'keySign', messageOf(keyId))),
    (code) => `refused: ${code}`,
  )

  tell.chapter('What happened')
  tell.say(
    table([
      ['signature', 'signed in', 'by', 'checked by'],
      ...scene.signed.map((row) => [row.what, millis(row.ms), row.signers, row.checks]),
    ]),
  )

  /** A request, signed once, to whoever answers first. */
  async function ask(nodes: readonly LocalNode[], method: CallerMethod, params: object): Promise<object> {
    const request = signRequest(committee.caller, { method, params }, Date.now())
    const urls = nodes.map(({ apiUrl }) => apiUrl)
    return (await callAnyNode(urls, { method, params: rpcParams(request) })).result
  }

  async function sign(
    { signed }: Scene,
    { keyId: id, publicKey }: CommitteeKey,
    what: string,
    nodes: readonly LocalNode[],
  ) {
    const begun = performance.now()
    const signature = committeeSignature.parse(
      await tell.step(
        `sign ${what}`,
        async () => ask(nodes, 'keySign', messageOf(id)),
        (done) => signersOf(committee, committeeSignature.parse(done)),
      ),
    )
    const ms = performance.now() - begun
    signed.push({ what, ms, signers: signersOf(committee, signature), checks: checked(signature, publicKey) })
  }
}

async function startAll({ tell }: Scene, title: string | undefined, nodes: readonly LocalNode[]): Promise<void> {
  if (title !== undefined) tell.chapter(title)
  for (const node of nodes)
    await tell.step(
      node.name,
      async () => node.start(),
      () => node.apiUrl,
    )
}

function messageOf(keyId: string): object {
  return { keyId, payload: { kind: 'message', message: `block ${randomBytes(4).toString('hex')}` } }
}

function addressOf(key: object): string {
  return committeeKey.parse(key).address
}

function requireSame(one: CommitteeKey, other: CommitteeKey): void {
  if (one.publicKey !== other.publicKey || one.keySessionId !== other.keySessionId)
    throw new Error('two keys for one id')
}

function signersOf({ nodes }: LocalCommittee, { signers }: CommitteeSignature): string {
  return signers.map((name) => nodes.find(({ node }) => node === name)?.name ?? name).join(', ')
}

function checked({ digest, signature }: CommitteeSignature, publicKey: string): string {
  const { noble, second, secondName } = verifyTwice(
    fromHex(signature).slice(0, 64),
    fromHex(digest),
    fromHex(publicKey),
  )
  if (!noble || !second) throw new Error('a signature does not verify')
  return `noble, ${secondName}`
}

async function refusal(act: () => Promise<unknown>): Promise<string> {
  try {
    await act()
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
  throw new Error('a deleted key signs')
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
}
