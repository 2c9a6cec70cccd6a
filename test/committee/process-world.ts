import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CallerMethod,
  type CommitteeKey,
  type CommitteeStatus,
  committeeKey,
  committeeSignature,
  committeeStatus,
  fromHex,
  toHex,
  WireError,
} from '@tandem/wire'
import { type LocalNode, type NodeProcess, planCommittee } from '../../infra/local/src/stack/committee-stack.ts'
import { verifyTwice } from '../../infra/local/src/story/verify-twice.ts'
import { rpcParams, signRequest } from '../../sigpair/src/committee/caller.ts'
import { callAnyNode, NobodyAnswers } from '../../sigpair/src/committee/rpc/rpc-client.ts'
import type { Peer } from '../../sigpair/src/committee/network.ts'
import { seeded } from '../helpers/rng.ts'
import { type Lines, openLines } from './lines.ts'

/** A committee of processes as they ship, whose lines to each other run through proxies that can be cut. Places are 1…n. */
export type ProcessWorld = {
  readonly places: readonly number[]
  readonly lines: Lines
  readonly node: (place: number) => LocalNode
  readonly namesOf: (places: readonly number[]) => string[]
  readonly placesOf: (names: readonly string[]) => number[]
  readonly start: (place: number) => Promise<void>
  readonly signal: (place: number, signal: 'SIGSTOP' | 'SIGCONT') => void
  /** Empties the disk of a node that does not run. */
  readonly wipe: (place: number) => void
  readonly command: (method: CallerMethod, params: object) => Command
  /** One node after the other, until one answers. */
  readonly ask: (command: Command, places: readonly number[]) => Promise<object>
  readonly status: (place: number) => Promise<CommitteeStatus>
  readonly close: () => Promise<void>
}

/** Signed by the caller, and the same for every node that is asked. */
export type Command = { readonly method: CallerMethod; readonly params: object }

export type ProcessWorldOptions = {
  readonly nodes: number
  /** another process for a place, than `sigpair --mode committee` */
  readonly adapt?: (place: number, planned: NodeProcess) => NodeProcess
}

export async function openProcessWorld({ nodes, adapt = (_, planned) => planned }: ProcessWorldOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-committee-'))
  const lines = openLines(nodes)
  const committee = await planCommittee({
    directory,
    nodes,
    env: { LOG_LEVEL: 'info', POLICY_FILE: '' },
    adapt: async (place, planned) => adapt(place, await overLines(lines, place, planned)),
  })
  const places = committee.nodes.map((_, i) => i + 1)
  const node = (place: number) => committee.nodes[place - 1]!
  const urlsOf = (asked: readonly number[]) => asked.map((place) => node(place).apiUrl)
  const world: ProcessWorld = {
    ...{ places, lines, node },
    namesOf: (some) => some.map((place) => node(place).node),
    placesOf: (names) => names.map((name) => places.find((place) => node(place).node === name)!),
    start: async (place) => startPatiently(node(place)),
    signal: (place, signal) => void process.kill(node(place).pid(), signal),
    wipe: (place) => rmSync(join(directory, node(place).name), { recursive: true }),
    command: (method, params) => ({
      method,
      params: rpcParams(signRequest(committee.caller, { method, params }, Date.now())),
    }),
    ask: async (command, asked) => (await callAnyNode(urlsOf(asked), command)).result,
    status: async (place) => committeeStatus.parse((await callAnyNode(urlsOf([place]), { method: 'status' })).result),
    close: async () => {
      for (const place of places) if (node(place).pid() > 0) await node(place).kill()
      await committee.stop()
      await lines.close()
      rmSync(directory, { recursive: true })
    },
  }
  await Promise.all(places.map(world.start))
  return world
}

/** The node finds its peers at proxies; they find it at theirs. */
async function overLines(lines: Lines, place: number, planned: NodeProcess): Promise<NodeProcess> {
  const peers = JSON.parse(planned.env['PEERS'] ?? '[]') as Peer[]
  const through = peers.map(async (peer, i) => {
    if (i + 1 === place) return peer
    const target = Number(peer.addresses[0]?.split('/')[4])
    return { ...peer, addresses: [`/ip4/127.0.0.1/tcp/${await lines.open(place, i + 1, target)}`] }
  })
  const { POLICY_FILE: _, ...env } = planned.env
  return { ...planned, env: { ...env, PEERS: JSON.stringify(await Promise.all(through)) } }
}

/** A busy machine may take longer than anybody expects of one start. */
async function startPatiently(node: LocalNode): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await node.start()
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

/** What may pass by itself. Everything else, such as a failed check among honest nodes, is a fault of theirs. */
const PASSING = new Set([
  ...['UNAVAILABLE', 'MPC_SIGNING_FAILED', 'KEY_BUSY', 'KEY_PENDING', 'EPOCH_MISMATCH', 'REQUEST_IN_PROGRESS'],
  ...['INVALID_KEY_SHARE', 'SESSION_CONSUMED'],
])
const isPassing = (error: unknown) =>
  error instanceof NobodyAnswers || (error instanceof WireError && PASSING.has(error.code))

/** Nothing takes longer than this, on a machine as slow as it may be. */
const PATIENCE_MS = 600_000

/** Again and again, each time anew, as long as what fails may pass. */
export async function insist<T>(act: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(250)) {
    try {
      return await act()
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error
    }
  }
}

/** @throws {Error} with what `look` last threw */
export async function eventually(look: () => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(250)) {
    try {
      return await look()
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
  }
}

const rng = seeded('committee processes')
export const newKeyId = () => toHex(rng(32))

export async function generate(world: ProcessWorld, places: readonly number[], threshold = 2): Promise<CommitteeKey> {
  const params = { keyId: newKeyId(), members: world.namesOf(places), threshold }
  return committeeKey.parse(await insist(async () => world.ask(world.command('keyGen', params), places)))
}

/**
 * Signs, and has the signature checked by two verifiers.
 *
 * @param asked   the nodes that are asked, one after the other
 * @param signers whom the caller would like
 * @returns the places of those who signed
 */
export async function sign(
  world: ProcessWorld,
  { keyId, publicKey }: Pick<CommitteeKey, 'keyId' | 'publicKey'>,
  asked: readonly number[],
  signers: readonly number[] = asked,
): Promise<number[]> {
  const payload = { kind: 'message', message: `block ${toHex(rng(8))}` }
  const params = { keyId, payload, signers: world.namesOf(signers) }
  const answer = await insist(async () => world.ask(world.command('keySign', params), asked))
  const signed = committeeSignature.parse(answer)
  const signature = fromHex(signed.signature).slice(0, 64)
  const { noble, second } = verifyTwice(signature, fromHex(signed.digest), fromHex(publicKey))
  expect([noble, second]).toEqual([true, true])
  return world.placesOf(signed.signers)
}
