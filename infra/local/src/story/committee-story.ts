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
import { rpcParams, signRequest } from '../../../../sigpair/src/committee/caller.ts'
import { statusTable } from '../../../../sigpair/src/committee/cli/status-table.ts'
import { callAnyNode } from '../../../../sigpair/src/committee/rpc/rpc-client.ts'
import type { LocalCommittee, LocalNode } from '../stack/committee-stack.ts'
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
  const seven = committee.nodes.slice(0, THEN.members)

  tell.chapter('Five nodes, five processes, one disk each')
  await startAll(scene, five)
  tell.chapter('A key that no node holds')
  const key = await generate(scene, five)
  await sign(scene, key, 'with five nodes up', five)

  tell.chapter('Two nodes die')
  const [dead, alive] = [five.slice(0, 2), five.slice(2)]
  for (const node of dead) await tell.step(`kill ${node.name} (SIGKILL)`, async () => node.kill())
  await sign(scene, key, 'with three nodes up', five)
  await sign(scene, key, 'and again', alive)

  tell.chapter('The same key for four of seven')
  await startAll(scene, [...dead, ...seven.slice(FIRST.members)])
  await handOver(scene, key, seven)
  await sign(scene, key, 'with the new shares', seven)
  await showStatus(scene, seven.at(-1)!)

  tell.chapter('The end of the key')
  await end(scene, key, seven)

  tell.chapter('What happened')
  const rows = scene.signed.map(({ what, ms, signers, checks }) => [what, millis(ms), signers, checks])
  tell.say(table([['signature', 'signed in', 'by', 'checked by'], ...rows]))
}

async function generate(scene: Scene, nodes: readonly LocalNode[]): Promise<CommitteeKey> {
  const keyId = toHex(randomBytes(32))
  const params = { keyId, members: namesOf(nodes), threshold: FIRST.threshold }
  const ask = async () => committeeKey.parse(await askAny(scene, nodes, 'keyGen', params))
  const key = await scene.tell.step('generate it, 3 of 5', ask, ({ address }) => address)
  const again = await scene.tell.step('ask for it again: from storage', ask, ({ address }) => address)
  if (key.publicKey !== again.publicKey || key.keySessionId !== again.keySessionId)
    throw new Error('two keys for one id')
  return key
}

async function handOver(scene: Scene, { keyId, publicKey }: CommitteeKey, nodes: readonly LocalNode[]): Promise<void> {
  const params = { keyId, members: namesOf(nodes), threshold: THEN.threshold }
  const ask = async () => committeeKey.parse(await askAny(scene, nodes, 'keyReshare', params))
  const handed = await scene.tell.step('hand it over, 3 of 5 to 4 of 7', ask, ({ address }) => address)
  if (handed.publicKey !== publicKey) throw new Error('the handover changed the key')
}

async function showStatus({ tell }: Scene, { apiUrl }: LocalNode): Promise<void> {
  const { result } = await callAnyNode([apiUrl], { method: 'status' })
  tell.say(`\n${indented(statusTable(committeeStatus.parse(result), Date.now()))}`)
}

async function end(scene: Scene, { keyId }: CommitteeKey, nodes: readonly LocalNode[]): Promise<void> {
  const ask = async () => committeeDeletion.parse(await askAny(scene, nodes, 'keyDelete', { keyId }))
  await scene.tell.step('delete it at every node', ask, ({ acknowledged }) => `${acknowledged.length} acknowledged`)
  const refused = async () => refusal(async () => askAny(scene, nodes, 'keySign', messageOf(keyId)))
  await scene.tell.step('sign with it', refused, (code) => `refused: ${code}`)
}

/** A request, signed once, to whoever answers first. */
async function askAny(
  { committee }: Scene,
  nodes: readonly LocalNode[],
  method: CallerMethod,
  params: object,
): Promise<object> {
  const request = signRequest(committee.caller, { method, params }, Date.now())
  const urls = nodes.map(({ apiUrl }) => apiUrl)
  return (await callAnyNode(urls, { method, params: rpcParams(request) })).result
}

async function sign(
  scene: Scene,
  { keyId, publicKey }: CommitteeKey,
  what: string,
  nodes: readonly LocalNode[],
): Promise<void> {
  const { committee, tell, signed } = scene
  const begun = performance.now()
  const ask = async () => committeeSignature.parse(await askAny(scene, nodes, 'keySign', messageOf(keyId)))
  const signature = await tell.step(`sign ${what}`, ask, (done) => signersOf(committee, done))
  const ms = performance.now() - begun
  signed.push({ what, ms, signers: signersOf(committee, signature), checks: checked(signature, publicKey) })
}

async function startAll({ tell }: Scene, nodes: readonly LocalNode[]): Promise<void> {
  for (const node of nodes) {
    await tell.step(
      node.name,
      async () => node.start(),
      () => node.apiUrl,
    )
  }
}

function namesOf(nodes: readonly LocalNode[]): readonly string[] {
  return nodes.map(({ node }) => node)
}

function messageOf(keyId: string): object {
  return { keyId, payload: { kind: 'message', message: `block ${randomBytes(4).toString('hex')}` } }
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
